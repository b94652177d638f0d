/**
 * A plugin as a Thing Description (W3C Web of Things Thing Description 1.1), as one principal may use it.
 *
 * | a point that | is |
 * |---|---|
 * | has readings | a property; observable by Server-Sent Events (section 8.3.4, `subprotocol: sse`) |
 * | takes commands | an action, with the point's schema as its input |
 * | does both | both, and the property is writable |
 * | is a camera's picture | a property of `image/jpeg`; observable as `multipart/x-mixed-replace` |
 *
 * The keys are the points' own names, `station/temperature`. URLs are relative to `base`. Where the node lets
 * applications reach its bus, each property has a second form for it, with the subject in a term of our own.
 */
import type { ApiNode, ApiPlugin, Principal } from "../types.ts";
import { pointSegment, thingId } from "./name.ts";
import { type ThingPoint, thingPoints } from "./point.ts";
import { senmlCbor, senmlJson } from "./reading.ts";

export const tdContext = "https://www.w3.org/2022/wot/td/v1.1";
export const sseType = "text/event-stream";
export const mjpegType = "multipart/x-mixed-replace";
/** What the prefix `nats` means in our descriptions. */
export const natsContext = { nats: "urn:x-umec:nats#" } as const;

export interface DescriptionOptions {
  node: Pick<ApiNode, "name" | "latest" | "seen">;
  plugin: ApiPlugin;
  principal: Principal;
  /** Origin of the API as the asker reaches it. */
  origin: string;
  tokenEndpoint: string;
  /** What applications dial for the bus. */
  busUrls: readonly string[];
}

export type ThingDescription = Record<string, unknown>;

/** `undefined`: the principal may use nothing of it. */
export function describeThing(options: DescriptionOptions): ThingDescription | undefined {
  const { node, plugin, principal, origin, busUrls } = options;
  const points = thingPoints(node, plugin, principal);
  if (points.length === 0) return undefined;
  const root = `things/${plugin.name}`;
  const bus = (point: string, kind: "telemetry" | "command") =>
    busUrls.map((href) => ({
      href,
      subject: `umec.${node.name}.${plugin.name}.${kind}.${pointSegment(point)}`,
    }));
  const readable = points.filter((point) => point.readable);
  return {
    "@context": busUrls.length === 0 ? tdContext : [tdContext, natsContext],
    id: thingId(node.name, plugin.name),
    title: plugin.name,
    description: plugin.summary,
    base: `${origin}/`,
    ...security(options.tokenEndpoint),
    properties: Object.fromEntries([
      ...readable.map((point) => {
        const type = jsonTypeOf(node, plugin.name, point.name);
        return [point.name, property(root, point, type, bus(point.name, "telemetry"))];
      }),
      ...points.filter(({ picture }) => picture).map((point) => [point.name, pictureProperty(root, point)]),
    ]),
    actions: Object.fromEntries(
      points
        .filter(({ writable }) => writable)
        .map((point) => [point.name, action(root, point, bus(point.name, "command"))]),
    ),
    ...(readable.length > 0 && { events: { quality: qualityEvent(root) }, forms: thingForms(root) }),
  };
}

/** Client credentials (RFC 6749 section 4.4), for the whole of a thing. */
export function security(token: string): ThingDescription {
  return {
    securityDefinitions: {
      oauth2: { scheme: "oauth2", flow: "client", token, scopes: ["things_read", "things_write"] },
    },
    security: ["oauth2"],
  };
}

interface BusPlace {
  href: string;
  subject: string;
}

const read = { scopes: ["things_read"] } as const;
const write = { scopes: ["things_write"] } as const;

function property(
  root: string,
  point: ThingPoint,
  type: string | undefined,
  bus: readonly BusPlace[],
): ThingDescription {
  const href = `${root}/properties/${pointSegment(point.name)}`;
  return {
    ...words(point),
    ...schemaOf(point, type),
    readOnly: !point.writable,
    observable: true,
    forms: [
      { op: "readproperty", href, contentType: "application/json", ...read },
      { op: "readproperty", href, contentType: senmlJson, ...read },
      { op: "readproperty", href, contentType: senmlCbor, ...read },
      {
        op: ["observeproperty", "unobserveproperty"],
        href,
        contentType: sseType,
        subprotocol: "sse",
        ...read,
      },
      ...bus.map(({ href: url, subject }) => ({
        op: ["observeproperty", "unobserveproperty"],
        href: url,
        contentType: senmlCbor,
        subprotocol: "nats",
        "nats:subject": subject,
        ...read,
      })),
      ...(point.writable
        ? [{ op: "writeproperty", href, contentType: "application/json", "htv:methodName": "PUT", ...write }]
        : []),
    ],
  };
}

function pictureProperty(root: string, point: ThingPoint): ThingDescription {
  const href = `${root}/properties/${pointSegment(point.name)}`;
  return {
    ...words(point),
    readOnly: true,
    observable: true,
    forms: [
      { op: "readproperty", href, contentType: "image/jpeg", ...read },
      { op: ["observeproperty", "unobserveproperty"], href, contentType: mjpegType, ...read },
    ],
  };
}

function action(root: string, point: ThingPoint, bus: readonly BusPlace[]): ThingDescription {
  const href = `${root}/actions/${pointSegment(point.name)}`;
  return {
    ...words(point),
    ...(point.schema !== undefined && { input: withUnit(point.schema, point.unit) }),
    // For a point that can be read back, the driver tells the value that holds now.
    ...(point.readable && { output: point.schema === undefined ? {} : withUnit(point.schema, point.unit) }),
    safe: point.picture,
    synchronous: true,
    forms: [
      { op: "invokeaction", href, contentType: "application/json", "htv:methodName": "POST", ...write },
      ...bus.map(({ href: url, subject }) => ({
        op: "invokeaction",
        href: url,
        contentType: "application/json",
        subprotocol: "nats",
        "nats:subject": subject,
        ...write,
      })),
    ],
  };
}

function qualityEvent(root: string): ThingDescription {
  const text = { type: "string" };
  return {
    description: "A point's readings became good, uncertain or bad.",
    data: {
      type: "object",
      properties: {
        point: text,
        quality: { type: "string", enum: ["good", "uncertain", "bad"] },
        reason: text,
        time: { type: "string", format: "date-time" },
      },
      required: ["point", "quality"],
    },
    forms: [
      {
        op: ["subscribeevent", "unsubscribeevent"],
        href: `${root}/events/quality`,
        contentType: sseType,
        subprotocol: "sse",
        ...read,
      },
    ],
  };
}

function thingForms(root: string): ThingDescription[] {
  const href = `${root}/properties`;
  return [
    { op: "readallproperties", href, contentType: "application/json", ...read },
    { op: "readallproperties", href, contentType: senmlJson, ...read },
    { op: "readallproperties", href, contentType: senmlCbor, ...read },
    {
      op: ["observeallproperties", "unobserveallproperties"],
      href,
      contentType: sseType,
      subprotocol: "sse",
      ...read,
    },
  ];
}

function words({ summary }: ThingPoint): ThingDescription {
  return summary === undefined ? {} : { description: summary };
}

/** What a reading can be: of the type that was seen, and `null` when it is bad. Of what was not seen nothing is said. */
function schemaOf({ unit, schema }: ThingPoint, type: string | undefined): ThingDescription {
  const values = schema ?? (type === undefined ? undefined : { type });
  return {
    ...(values !== undefined && { oneOf: [values, { type: "null" }] }),
    ...(unit !== undefined && { unit }),
  };
}

function withUnit(schema: object, unit: string | undefined): ThingDescription {
  return unit === undefined ? { ...schema } : { ...schema, unit };
}

function jsonTypeOf(node: Pick<ApiNode, "latest">, plugin: string, point: string): string | undefined {
  const value = node.latest(plugin, point)?.value;
  if (value === undefined || value === null) return undefined;
  return value instanceof Uint8Array ? "string" : typeof value;
}
