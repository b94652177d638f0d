import { isIPv6 } from "node:net";
import type { OptionFinding, Point } from "../../runtime/plugin/sdk.ts";
import { caseTwins } from "../common/case-twins.ts";
import type { OnvifOptions } from "./options.ts";
import { usualPoints } from "./topics.ts";

const own = /^(?:online|clock-offset|still|snapshot|frame)$|^(?:info|stream|ptz|event)(?:\/|$)/;

/** What the schema can't say. */
export function checkOptions(options: OnvifOptions): OptionFinding[] {
  const { host, user, password, events, ptz, tls } = options;
  const findings: OptionFinding[] = [];
  if (host.includes(":") && !isIPv6(host.replace(/%.*/, ""))) {
    findings.push({
      pointer: "/host",
      reason: `${host} is no address`,
      hint: "a port goes into the option port",
    });
  }
  if (/^fe80:/i.test(host) && !host.includes("%")) {
    findings.push({ pointer: "/host", reason: "a link-local address needs a zone", hint: `${host}%eth0` });
  }
  if (password && user === undefined)
    findings.push({ pointer: "/password", reason: "has no user", hint: "give user, too" });
  if (user !== undefined && !password) {
    findings.push({ pointer: "/user", reason: "has no password", hint: "password: { secret: … }" });
  }
  if (tls?.ca !== undefined && tls.fingerprint !== undefined) {
    findings.push({
      pointer: "/tls/ca",
      reason: "does not count where a fingerprint is pinned",
      hint: "leave one out",
    });
  }
  const names = Object.keys(events.points ?? {});
  findings.push(...caseTwins(names, "/events/points"));
  for (const name of names.filter((each) => own.test(each))) {
    const pointer = `/events/points/${name.replaceAll("/", "~1")}`;
    findings.push({ pointer, reason: `the name ${name} is the driver's own`, hint: "rename it" });
  }
  for (const axis of ["pan", "tilt", "zoom"] as const) {
    const [low = 0, high = 1] = ptz[axis] ?? [];
    if (low > high)
      findings.push({
        pointer: `/ptz/${axis}`,
        reason: `${low} is greater than ${high}`,
        hint: "least first",
      });
  }
  return findings;
}

const number = (minimum: number, maximum: number) => ({ type: "number", minimum, maximum });
const move = { pan: number(-1, 1), tilt: number(-1, 1), zoom: number(-1, 1) };
const moveSchema = (more: object, zoom = number(-1, 1)) => ({
  type: "object",
  properties: { ...move, zoom, ...more },
  anyOf: [{ required: ["pan"] }, { required: ["tilt"] }, { required: ["zoom"] }],
  additionalProperties: false,
});
const speed = { speed: { type: "number", exclusiveMinimum: 0, maximum: 1 } };

/** The points that are known beforehand: not those whose names end with a token of the camera. */
export function pointsOf({ events, stream, ptz }: OnvifOptions): Point[] {
  const eventPoints = events.enabled ? Object.entries(events.points ?? usualPoints) : [];
  return [
    { name: "online", summary: "Whether the camera answers and takes the login" },
    { name: "clock-offset", unit: "s", summary: "The camera's clock minus the node's" },
    ...["manufacturer", "model", "firmware", "serial"].map((name): Point => ({ name: `info/${name}` })),
    { name: "snapshot", access: "write", summary: "Takes a still; the reply names it" },
    { name: "frame", access: "write", summary: "A picture's bytes, now" },
    { name: "still", summary: "Name of the last still" },
    ...eventPoints.map(([name, { by, topics }]): Point => {
      const what = topics.join(", ");
      return {
        name,
        summary: by === undefined ? what : `${what}; one point for each ${by}, below this name`,
      };
    }),
    ...(stream.intervalMs === 0 ? [] : streamPoints),
    ...(ptz.enabled ? ptzPoints(ptz.maxContinuousMs) : []),
  ];
}

const streamPoints: readonly Point[] = [
  { name: "stream/online", summary: "Whether the stream answers and packets flow" },
  { name: "stream/answer", unit: "ms", summary: "From the connection to the description" },
  { name: "stream/video", summary: "Codec" },
  { name: "stream/audio", summary: "Codec" },
  { name: "stream/packets", unit: "count", summary: "RTP packets of the last look" },
  { name: "stream/lost", unit: "count", summary: "RTP packets that are missing in it" },
];

function ptzPoints(maxContinuousMs: number): Point[] {
  const timeoutMs = { type: "number", exclusiveMinimum: 0, maximum: maxContinuousMs };
  return [
    ...["pan", "tilt", "zoom"].map(
      (axis): Point => ({ name: `ptz/${axis}`, summary: "Position after a move" }),
    ),
    {
      name: "ptz/absolute",
      access: "write",
      summary: "Goes to a place",
      schema: moveSchema(speed, number(0, 1)),
    },
    { name: "ptz/relative", access: "write", summary: "Goes by a distance", schema: moveSchema(speed) },
    {
      name: "ptz/continuous",
      access: "write",
      summary: "Moves for a time",
      schema: moveSchema({ timeoutMs }),
    },
    { name: "ptz/stop", access: "write", summary: "Stops" },
    {
      name: "ptz/preset",
      access: "write",
      summary: "Goes to a preset",
      schema: { type: "string", minLength: 1 },
    },
    { name: "ptz/presets", access: "write", summary: "Lists the presets" },
    { name: "ptz/position", access: "write", summary: "Reads the position" },
  ];
}
