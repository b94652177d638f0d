/** Reads the values of a frame as the options' `fields` say. */
import { messageOf } from "../../runtime/plugin/sdk.ts";
import { evaluate } from "../common/json-pointer.ts";
import { scaled } from "../common/numbers.ts";
import { readBinary } from "./binary.ts";
import { splitColumns } from "./columns.ts";
import { frameError } from "./errors.ts";
import type { Frame } from "./framer.ts";
import { defaults, type FieldOptions } from "./options.ts";
import { createPattern } from "./pattern.ts";
import type { Reading } from "./reading.ts";

export interface FieldsOptions {
  fields: Readonly<Record<string, FieldOptions>>;
  /** Of one frame; with framing regex the frame has its groups already. */
  pattern?: string | undefined;
  separator?: string | undefined;
}

export interface FieldsFrame {
  readings: Reading[];
  /** Why fields could not be read: the names and the reasons. */
  failed: { name: string; unit?: string; reason: string }[];
}

const truths = new Map<string, boolean>(
  Object.entries({ true: true, on: true, yes: true, 1: true, false: false, off: false, no: false, 0: false }),
);

/** Throws `SERIAL_FRAME` for a frame of which nothing can be read. */
export function createFieldsReader({
  fields,
  pattern: source,
  separator = defaults.separator,
}: FieldsOptions): (frame: Frame) => FieldsFrame {
  const pattern = source === undefined ? undefined : createPattern(source);
  const entries = Object.entries(fields);

  function groupsOf(frame: Frame): Frame["groups"] {
    if (frame.groups || !pattern) return frame.groups;
    const match = pattern.match(frame.bytes.toString("latin1"), frame.atMs);
    if (!match) throw frameError("the frame does not fit the pattern");
    return match.groups;
  }

  return (frame) => {
    const groups = groupsOf(frame);
    const once = lazily(frame.bytes, separator);
    const readings: Reading[] = [];
    const failed: FieldsFrame["failed"] = [];
    for (const [name, field] of entries) {
      const unit = field.unit === undefined ? {} : { unit: field.unit };
      try {
        readings.push({ name, value: convert(field, rawOf(field, frame.bytes, groups, once)), ...unit });
      } catch (error) {
        failed.push({ name, reason: messageOf(error), ...unit });
      }
    }
    return { readings, failed };
  };
}

interface Views {
  columns(): string[];
  json(): unknown;
}

/** A frame as columns or JSON is read once, and only when a field wants it. */
function lazily(bytes: Buffer, separator: string): Views {
  let columns: string[] | undefined;
  let json: { value: unknown } | undefined;
  return {
    columns() {
      columns ??= splitColumns(bytes.toString("utf8").trim(), separator);
      return columns;
    },
    json() {
      try {
        json ??= { value: JSON.parse(bytes.toString("utf8")) };
      } catch (error) {
        throw frameError(`no JSON: ${messageOf(error)}`);
      }
      return json.value;
    },
  };
}

function rawOf(field: FieldOptions, bytes: Buffer, groups: Frame["groups"], views: Views): unknown {
  if (field.group !== undefined) {
    const group = groups?.[field.group];
    if (group === undefined) throw frameError(`the group ${field.group} is not in the frame`);
    return group;
  }
  if (field.column !== undefined) {
    const column = views.columns()[field.column];
    if (column === undefined) {
      throw frameError(`the line has ${views.columns().length} columns, none of the number ${field.column}`);
    }
    return column;
  }
  if (field.pointer !== undefined) {
    const found = evaluate(views.json(), field.pointer);
    if (!found.found) throw frameError(`${field.pointer} leads nowhere`);
    return found.value;
  }
  const at = field.at!;
  if (field.type !== undefined) return masked(readBinary(bytes, at, field.type), field.mask);
  const end = at + field.bytes!;
  if (end > bytes.length) throw frameError(`the frame has ${bytes.length} bytes, ${end} are needed`);
  return bytes.toString("utf8", at, end).replace(/[\0\s]+$/, "");
}

function masked(raw: number, mask: number | undefined): number {
  if (mask === undefined) return raw;
  // Negative numbers have as many leading ones as are looked at.
  const bits = BigInt.asUintN(32, BigInt(raw)) & BigInt(mask);
  const lowest = 31 - Math.clz32(mask & -mask);
  return Number(bits >> BigInt(lowest));
}

function convert(
  { as = "number", scale = 1, offset = 0 }: FieldOptions,
  raw: unknown,
): number | string | boolean {
  if (as === "text") {
    if (typeof raw === "object") throw frameError(`${show(raw)} is no text`);
    return String(raw);
  }
  if (as === "boolean") {
    const truth = truths.get(String(raw).trim().toLowerCase());
    if (typeof raw === "number") return raw !== 0;
    if (truth === undefined) throw frameError(`${show(raw)} is neither true nor false`);
    return truth;
  }
  const value = scaled(numberOf(raw), scale) + offset;
  if (!Number.isFinite(value)) throw frameError(`${show(raw)} is too large`);
  return value;
}

function numberOf(raw: unknown): number {
  if (typeof raw === "number") return raw;
  // Scales write "+  12.50".
  const [, sign, digits] =
    typeof raw === "string"
      ? (raw.trim().match(/^([+-]?)\s*((?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)$/) ?? [])
      : [];
  if (digits === undefined) throw frameError(`${show(raw)} is no number`);
  return sign === "-" ? -Number(digits) : Number(digits);
}

function show(raw: unknown): string {
  const text = JSON.stringify(raw);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
