import { child, childrenOf, find, textAt, type XmlTree } from "./xml.ts";

/** One event of a camera (ONVIF Core section 9.4). */
export interface Notification {
  /** Without prefixes: `RuleEngine/CellMotionDetector/Motion`. */
  topic: string;
  /** Unix time in milliseconds by the camera's clock. */
  cameraMs?: number;
  /** Whether it tells a state that held before, and not a change. */
  initial: boolean;
  /** The state is no more: the property was deleted. */
  deleted: boolean;
  source: Readonly<Record<string, string>>;
  data: Readonly<Record<string, string>>;
}

/** Most items that are taken of one event. */
const maxItems = 64;

/** Reads an answer to PullMessages; what is no event in it is left out. */
export function readNotifications(answer: XmlTree): Notification[] {
  return childrenOf(answer, "NotificationMessage").flatMap((each) => {
    const topic = plainTopic(textAt(each, "Topic") ?? "");
    const outer = child(each, "Message");
    const message = child(outer, "Message") ?? (outer && find(outer, "Message"));
    if (topic === "" || !message) return [];
    const cameraMs = Date.parse(message.attributes.UtcTime ?? "");
    const operation = message.attributes.PropertyOperation;
    return [
      {
        topic,
        ...(Number.isFinite(cameraMs) && { cameraMs }),
        initial: operation === "Initialized",
        deleted: operation === "Deleted",
        source: itemsOf(child(message, "Source")),
        data: itemsOf(child(message, "Data")),
      },
    ];
  });
}

/** A topic without its prefixes: which letters stand for which namespace is each camera's own affair. */
export function plainTopic(topic: string): string {
  return topic
    .trim()
    .split("/")
    .map((segment) => segment.slice(segment.indexOf(":") + 1))
    .filter((segment) => segment !== "" && segment !== ".")
    .join("/");
}

function itemsOf(tree: XmlTree | undefined): Record<string, string> {
  const items: Record<string, string> = {};
  for (const { attributes } of childrenOf(tree, "SimpleItem").slice(0, maxItems)) {
    if (attributes.Name !== undefined) items[attributes.Name] = attributes.Value ?? "";
  }
  return items;
}
