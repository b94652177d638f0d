import { preferredType } from "../http/accept.ts";
import { badRequest, notFound, Problem } from "../http/problem.ts";
import type { ApiRequest, ApiResponse, Route } from "../http/route.ts";
import { mayRead } from "../patterns.ts";
import type { ApiNode, ApiPlugin, Reading } from "../types.ts";
import { inputOf, inputTypes, runCommand } from "./actions.ts";
import { mjpegType, sseType } from "./description.ts";
import { checkReadable, type NamedPoint, namedPoint, pluginOf, principalOf } from "./find.ts";
import type { Observers } from "./observe.ts";
import { jpegType, type Pictures } from "./pictures.ts";
import { isPicture } from "./point.ts";
import { tellQuality } from "./quality-events.ts";
import { jsonValue, readingHeaders, senmlBytes, senmlCbor, senmlJson, senmlText } from "./reading.ts";
import { anyValue, commandQuery } from "./schema.ts";
import type { Streams } from "./streams.ts";

export interface PropertyOptions {
  node: ApiNode;
  streams: Streams;
  observers: Observers;
  pictures: Pictures;
}

const jsonType = "application/json";
const readingTypes = [jsonType, senmlJson, senmlCbor, sseType];
const noThing = { description: "There is no such thing or point." };
const notAllowed = { description: "The asker's patterns do not mean this point." };

export function createPropertyRoutes({ node, streams, observers, pictures }: PropertyOptions): Route[] {
  function all(request: ApiRequest): ApiResponse {
    const principal = principalOf(request);
    const found = pluginOf(node, request);
    const plugin = found.name;
    const accepts = rememberAnswers((point) => mayRead(principal, plugin, point));
    const type = preferredType(request.headers, readingTypes);
    if (type === sseType) return observers.observe({ request, principal, plugin, point: undefined, accepts });
    const readings = readableNames(node, found)
      .filter(accepts)
      .map((point) => node.latest(plugin, point) ?? noReading(plugin, point));
    return encoded(node.name, type, readings, () =>
      Object.fromEntries(readings.map((reading) => [reading.point, jsonValue(reading)])),
    );
  }

  function one(request: ApiRequest): ApiResponse | Promise<ApiResponse> {
    const principal = principalOf(request);
    const named = namedPoint(node, request);
    checkReadable(principal, named);
    const { plugin, point } = named;
    const found = findPlugin(node, plugin);
    if (!found) throw notFound(`thing ${plugin.slice(0, 100)}`);
    const listed = found.points.find(({ name }) => name === point);
    if (listed && isPicture(listed)) return pictures.answer({ request, principal, plugin, point });
    const type = preferredType(request.headers, readingTypes);
    if (type === sseType)
      return observers.observe({ request, principal, plugin, point, accepts: () => true });
    const seen = node.latest(plugin, point);
    if (!seen && (!listed || listed.access === "write"))
      throw notFound(`reading of ${plugin}/${point}`.slice(0, 300));
    const reading = seen ?? noReading(plugin, point);
    const response = encoded(node.name, type, [reading], () => jsonValue(reading));
    return { ...response, headers: { ...response.headers, ...readingHeaders(reading) } };
  }

  return [
    {
      method: "get",
      path: "/things/{thing}/properties",
      operationId: "thingPropertiesGET",
      summary: "The last readings of all points; as text/event-stream, all from now on.",
      scope: "things_read",
      responses: {
        200: { description: "Values by point, or a pack.", schema: anyValue, type: readingTypes.join(", ") },
        404: noThing,
      },
      handle: all,
    },
    {
      method: "get",
      path: "/things/{thing}/properties/{point}",
      operationId: "thingPropertyGET",
      summary: "A point's last reading; as text/event-stream, all from now on; of a camera, its picture.",
      scope: "things_read",
      responses: {
        200: {
          description: "The value, a pack of one record, or a picture.",
          schema: anyValue,
          type: [...readingTypes, jpegType, mjpegType, "application/octet-stream"].join(", "),
          headers: {
            "umec-quality": "How far a JSON value can be believed: good, uncertain or bad.",
            "umec-time": "When it was measured (RFC 3339).",
          },
        },
        403: notAllowed,
        404: noThing,
        409: { description: "The camera gives no picture now." },
        504: { description: "The camera did not answer in time." },
      },
      handle: one,
    },
    {
      method: "put",
      path: "/things/{thing}/properties/{point}",
      operationId: "thingPropertyPUT",
      summary: "Sets a point that can be read and commanded.",
      scope: "things_write",
      query: commandQuery,
      body: anyValue,
      bodyTypes: inputTypes,
      responses: {
        204: { description: "It is done." },
        403: notAllowed,
        404: noThing,
        409: { description: "It can only be read, or its device can't do it now." },
        504: { description: "It was not done in time, or nobody knows whether it was." },
      },
      async handle(request) {
        const named = namedPoint(node, request);
        const value = inputOf(request);
        if (value === undefined) throw badRequest("the body is empty", "send the value as JSON");
        await runCommand(node, request, named, value, () => {
          const points = findPlugin(node, named.plugin)?.points ?? [];
          if (points.find(({ name }) => name === named.point)?.access === "write") throw writeOnly(named);
        });
        return { status: 204 };
      },
    },
    {
      method: "get",
      path: "/things/{thing}/events/quality",
      operationId: "thingQualityGET",
      summary: "Readings that became good, uncertain or bad.",
      scope: "things_read",
      responses: { 200: { description: "Events.", type: sseType }, 404: noThing },
      handle(request) {
        const principal = principalOf(request);
        const plugin = pluginOf(node, request).name;
        const accepts = rememberAnswers((point) => mayRead(principal, plugin, point));
        return tellQuality(node, streams, { request, principal, plugin, accepts });
      },
    },
  ];
}

function encoded(
  node: string,
  type: string,
  readings: readonly Reading[],
  value: () => unknown,
): ApiResponse {
  const headers = { "content-type": type };
  if (type === senmlCbor) return { status: 200, headers, body: senmlBytes(node, readings) };
  if (type === senmlJson) return { status: 200, headers, body: Buffer.from(senmlText(node, readings)) };
  return { status: 200, headers, body: value() };
}

function findPlugin(node: ApiNode, name: string): ApiPlugin | undefined {
  return node.plugins().find((plugin) => plugin.name === name);
}

/** Those that are listed, and those that were seen beside them. */
function readableNames(node: ApiNode, plugin: ApiPlugin): string[] {
  const listed = plugin.points.filter(({ access }) => access !== "write").map(({ name }) => name);
  return [...new Set([...listed, ...node.seen(plugin.name)])];
}

/** What a point is that is listed, and was not read yet. */
function noReading(plugin: string, point: string): Reading {
  return { plugin, point, value: null, quality: "bad", reason: "no reading since the node started" };
}

function writeOnly({ plugin, point }: NamedPoint): Problem {
  return new Problem(409, "THING_WRITE_ONLY", `${plugin}/${point} is no property that can be set`, {
    hint: "it is an action: post to it",
  });
}

/** The names of points are few, and asked for with every reading. */
function rememberAnswers(ask: (point: string) => boolean): (point: string) => boolean {
  const answers = new Map<string, boolean>();
  return (point) => {
    const known = answers.get(point);
    if (known !== undefined) return known;
    const answer = ask(point);
    answers.set(point, answer);
    return answer;
  };
}
