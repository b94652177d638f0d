/** From a camera's event to samples: which topic is which point, and what its text means. */
import type { Lane, Sample } from "../../runtime/plugin/sdk.ts";
import { type Notification, plainTopic } from "./notification.ts";
import type { EventPoint } from "./options.ts";

export interface EventSample extends Sample {
  lane: Lane;
}

/** What cameras commonly tell (ONVIF Core section 8.8.7 and the imaging and analytics services). */
export const usualPoints: Readonly<Record<string, EventPoint>> = {
  motion: {
    topics: [
      "RuleEngine/CellMotionDetector/Motion",
      "VideoSource/MotionAlarm",
      "RuleEngine/MotionRegionDetector/Motion",
    ],
    type: "boolean",
  },
  tamper: {
    topics: [
      "RuleEngine/TamperDetector/Tamper",
      "VideoSource/GlobalSceneChange/ImagingService",
      "VideoSource/GlobalSceneChange/AnalyticsService",
    ],
    type: "boolean",
    lane: "alarm",
  },
  "signal-loss": { topics: ["VideoSource/SignalLoss"], type: "boolean", lane: "alarm" },
  "storage-failure": {
    topics: ["Device/HardwareFailure/StorageFailure"],
    type: "boolean",
    lane: "alarm",
    by: "Token",
  },
  input: { topics: ["Device/Trigger/DigitalInput"], type: "boolean", by: "InputToken" },
  relay: { topics: ["Device/Trigger/Relay"], type: "boolean", by: "RelayToken" },
};

/** The samples of an event, without times; none for a topic that nobody wants. */
export function samplesOf(
  event: Notification,
  points: Readonly<Record<string, EventPoint>>,
  others: boolean,
): EventSample[] {
  const samples = Object.entries(points).flatMap(([name, point]) => pointSamples(event, name, point));
  if (samples.length > 0 || !others) return samples;
  const base = ["event", ...event.topic.split("/")].map(segment).join("/").slice(0, 120).replace(/\/+$/, "");
  return Object.entries(event.data).map(
    ([item, text]): EventSample => ({
      name: `${base}/${segment(item)}`,
      ...(event.deleted ? gone : readValue(text, "auto")),
      lane: "telemetry",
    }),
  );
}

function pointSamples(event: Notification, name: string, point: EventPoint): EventSample[] {
  if (!point.topics.some((topic) => plainTopic(topic) === event.topic)) return [];
  const fits = Object.entries(point.source ?? {}).every(([item, value]) => event.source[item] === value);
  if (!fits) return [];
  const item = point.item ?? Object.keys(event.data)[0];
  const text = item === undefined ? undefined : event.data[item];
  const place = point.by === undefined ? undefined : (event.source[point.by] ?? event.data[point.by]);
  const full = place === undefined ? name : `${name}/${segment(place)}`;
  const lane = point.lane ?? "telemetry";
  if (event.deleted) return [{ name: full, ...gone, lane }];
  // An event without data, such as a button that was pressed.
  if (text === undefined) return point.item === undefined ? [{ name: full, value: true, lane }] : [];
  return [{ name: full, ...readValue(text, point.type ?? "auto"), lane }];
}

const gone = { value: null, quality: "bad", reason: "the camera no longer has it" } as const;

/** One segment of a sample's name. */
export function segment(text: string): string {
  const plain = text.replace(/[^A-Za-z0-9_-]+/g, "-").replace(/^[^A-Za-z0-9]+/, "");
  return plain.slice(0, 60) || "none";
}

type Value = Pick<Sample, "value" | "quality" | "reason">;

/** Text as XML Schema says values (part 2 section 3), and words of cameras for on and off. */
export function readValue(text: string, type: NonNullable<EventPoint["type"]>): Value {
  if (type === "text") return { value: text.slice(0, 1000) };
  const number = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
  if (type === "number") return Number.isFinite(number) ? { value: number } : unfit(text, "number");
  const word = text.toLowerCase();
  if (word === "true" || word === "false") return { value: word === "true" };
  if (type === "boolean") {
    if (["1", "active", "on"].includes(word)) return { value: true };
    if (["0", "inactive", "off"].includes(word)) return { value: false };
    return unfit(text, "boolean");
  }
  return Number.isFinite(number) ? { value: number } : { value: text.slice(0, 1000) };
}

function unfit(text: string, type: string): Value {
  return {
    value: null,
    quality: "bad",
    reason: `the camera says ${JSON.stringify(text.slice(0, 60))}, no ${type}`,
  };
}
