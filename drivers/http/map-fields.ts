/**
 * A response's fields as samples.
 *
 * The response is mapped in *groups* that are observed together: the request's own points are one, each element
 * of `each` is another. What can't be mapped becomes a problem and takes nothing else with it. Problems of the
 * elements are told once for a point, with the first element they were met in, so that a list of a thousand
 * stations gives no thousand warnings.
 */
import type { Sample } from "../../runtime/plugin/sdk.ts";
import { evaluate } from "../common/json-pointer.ts";
import { convert } from "./convert.ts";
import { describe, kindOf } from "./describe.ts";
import type { Problem } from "./notices.ts";
import { readTime } from "./observation-time.ts";
import type { EachOptions, PointOptions, RequestOptions, TimeOptions } from "./options.ts";

/** Samples that were observed together. */
export interface Group {
  /** Empty for the request's own points, else the element's name. */
  key: string;
  /** The observation time, if the response tells one that can be read. */
  timeMs: number | undefined;
  samples: Sample[];
}

export interface Mapped {
  groups: Group[];
  problems: Problem[];
}

export type Mapping = Pick<RequestOptions, "points" | "each" | "time">;

/** Maps a parsed response of the request `name`. Throws nothing for any document. */
export function mapFields(name: string, document: unknown, { points, each, time }: Mapping): Mapped {
  const problems = new Map<string, Problem>();
  const report: Report = (topic, kind, message) => {
    if (!problems.has(topic)) problems.set(topic, { topic, kind, message });
  };
  const timeMs = time && timeOf(document, time, "", report);
  const groups: Group[] = [];
  if (Object.keys(points).length > 0)
    groups.push({ key: "", timeMs, samples: samplesOf(document, points, name, timeMs, "", report) });
  for (const [key, element, pointer] of each ? elements(document, each, report) : []) {
    const elementMs = each?.time ? timeOf(element, each.time, pointer, report) : timeMs;
    const samples = samplesOf(element, each!.points, `${name}/${key}`, elementMs, pointer, report);
    groups.push({ key, timeMs: elementMs, samples });
  }
  return { groups, problems: [...problems.values()] };
}

/** Maps a response in pages: the request's points are those of the first, the list goes on through all. */
export function mapPages(name: string, documents: readonly unknown[], mapping: Mapping): Mapped {
  const groups = new Map<string, Group>();
  const problems = new Map<string, Problem>();
  for (const [index, document] of documents.entries()) {
    const mapped = mapFields(name, document, index === 0 ? mapping : { ...mapping, points: {} });
    for (const group of mapped.groups) if (!groups.has(group.key)) groups.set(group.key, group);
    for (const problem of mapped.problems)
      if (!problems.has(problem.topic)) problems.set(problem.topic, problem);
  }
  return { groups: [...groups.values()], problems: [...problems.values()] };
}

type Report = (topic: string, kind: string, message: string) => void;

/** `from` is the pointer of `document` in the whole response: `""` for the response itself. */
function samplesOf(
  document: unknown,
  points: Readonly<Record<string, PointOptions>>,
  prefix: string,
  timeMs: number | undefined,
  from: string,
  report: Report,
): Sample[] {
  const samples: Sample[] = [];
  for (const [name, point] of Object.entries(points)) {
    const topic = `${from === "" ? "" : "each "}point ${name}`;
    const found = evaluate(document, point.pointer);
    if (!found.found || found.value === null) {
      const kind = found.found ? "null" : "missing";
      if (point.required) report(topic, kind, `${prefix}/${name}: ${missing(from, point.pointer, found)}`);
      continue;
    }
    const converted = convert(found.value, point);
    if ("reason" in converted) {
      report(topic, converted.kind, `${prefix}/${name}: ${from}${point.pointer} is ${converted.reason}`);
      continue;
    }
    samples.push({
      name: `${prefix}/${name}`,
      value: converted.value,
      ...(point.unit !== undefined && { unit: point.unit }),
      ...(timeMs !== undefined && { timeMs }),
    });
  }
  return samples;
}

function timeOf(document: unknown, time: TimeOptions, from: string, report: Report): number | undefined {
  const topic = from === "" ? "time" : "each time";
  const found = evaluate(document, time.pointer);
  if (!found.found) {
    report(topic, "missing", `observation time: ${missing(from, time.pointer, found)}`);
    return undefined;
  }
  const read = readTime(found.value, time.format);
  if ("timeMs" in read) return read.timeMs;
  report(topic, read.kind, `observation time: ${from}${time.pointer} is ${read.reason}`);
  return undefined;
}

/** Name, value and pointer of each element that has a name of its own. */
function* elements(
  document: unknown,
  each: EachOptions,
  report: Report,
): Generator<[name: string, element: unknown, pointer: string]> {
  const list = evaluate(document, each.pointer);
  if (!list.found) return report("each", "missing", `list: ${missing("", each.pointer, list)}`);
  if (!Array.isArray(list.value)) {
    const found = describe(list.value);
    return report("each", kindOf(list.value), `list: ${shown(each.pointer)} is ${found}, no array`);
  }
  const { length } = list.value;
  if (length > each.limit)
    report("each", "limit", `list: ${shown(each.pointer)} has ${length} elements, ${each.limit} are read`);
  const seen = new Set<string>();
  for (const [index, element] of list.value.slice(0, each.limit).entries()) {
    const pointer = `${each.pointer}/${index}`;
    const name = nameOf(element, each.name, pointer, report);
    if (name === undefined) continue;
    if (seen.has(name)) {
      report(
        "each name",
        "repeated",
        `element: ${pointer}${each.name} is ${name} again; only the first is read`,
      );
      continue;
    }
    seen.add(name);
    yield [name, element, pointer];
  }
}

/** An element's name as one segment of a sample's name: other characters than `A-Z a-z 0-9 - _` become `-`. */
function nameOf(element: unknown, pointer: string, from: string, report: Report): string | undefined {
  const found = evaluate(element, pointer);
  if (!found.found) {
    report("each name", "missing", `element: ${missing(from, pointer, found)}`);
    return undefined;
  }
  const { value } = found;
  const name = typeof value === "number" ? String(value) : typeof value === "string" ? value : "";
  const clean = name.replaceAll(/[^A-Za-z0-9_-]+/g, "-").replaceAll(/^-+|-+$/g, "");
  if (clean !== "" && clean.length <= 64) return clean;
  report("each name", kindOf(value), `element: ${from}${pointer} is ${describe(value)}, no name`);
  return undefined;
}

function missing(from: string, pointer: string, found: ReturnType<typeof evaluate>): string {
  if (found.found) return `${shown(from + pointer)} is null`;
  return `${from}${pointer} is missing: ${shown(from + found.at)} is ${describe(found.last)}`;
}

function shown(pointer: string): string {
  return pointer === "" ? "the response" : pointer;
}
