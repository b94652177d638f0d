/**
 * What both ends of an `emit` agree on, the plugin and the outbox, as NATS messages between them.
 *
 * A request to `telemetry.<point>` or `event.<point>` carries a SenML pack (RFC 8428, CBOR or JSON) whose names
 * are relative to the plugin. Its headers:
 *
 * | header | on | says |
 * |---|---|---|
 * | `Umec-Emit: <session>-<n>` | request | which emit this is: one that is sent again is stored once |
 * | `Umec-Lane: bulk` | request | the lane, if it is not the subject's own (`telemetry`; `alarm` for `event`) |
 * | `Umec-Error: CODE`, `Umec-Error-Text`, `Umec-Error-Hint` | answer | refused, why, what to do; nothing of it was stored |
 *
 * An answer without `Umec-Error` means: on disk. No answer means: not known to be stored, send it again.
 * Answers to commands carry the same error headers (command-wire.ts).
 */
import { headers, type Msg, type MsgHdrs } from "@nats-io/nats-core";
import { messageOf, UmecError } from "./errors.ts";

export const emitHeader = "Umec-Emit";
export const laneHeader = "Umec-Lane";
export const errorHeader = "Umec-Error";
export const errorTextHeader = "Umec-Error-Text";
export const errorHintHeader = "Umec-Error-Hint";

/** Most samples in one `emit` and in one pack. */
export const maxSamples = 10_000;
/** Longest text or data value in bytes. */
export const maxValueBytes = 64 * 1024;
export const maxNameLength = 200;
/** Largest pack that is taken, in bytes, before and after its base fields are resolved: it must fit one frame. */
export const maxPackBytes = 512 * 1024;
/** SenML reads times below 2^28 s as relative to now (RFC 8428 section 4.5.3). */
export const firstAbsoluteS = 2 ** 28;
/** The last moment that ECMAScript's `Date` can say. */
export const lastAbsoluteS = 8_640_000_000_000;

const nameSyntax = /^[A-Za-z0-9][A-Za-z0-9_-]*(?:\/[A-Za-z0-9][A-Za-z0-9_-]*)*$/;

/** What is wrong with a name below the plugin, or `undefined`. Names of our own begin with `_`. */
export function nameProblem(name: unknown): string | undefined {
  if (typeof name !== "string") return "it is no text";
  if (name.length > maxNameLength) return `it has ${name.length} characters, ${maxNameLength} are allowed`;
  if (nameSyntax.test(name)) return undefined;
  return "use segments of A-Z a-z 0-9 - _ that begin with a letter or digit, joined by /";
}

export interface Refusal {
  code: string;
  text: string;
  /** What to do next. */
  hint?: string;
}

export function refusalFor(error: unknown, codeOfOthers: string): Refusal {
  if (!(error instanceof UmecError)) return { code: codeOfOthers, text: messageOf(error) };
  const { code, message: text, hint } = error;
  return { code, text, ...(hint !== undefined && { hint }) };
}

const longestText = 500;

/** Header lines take no control characters; what is not ASCII is left as it is. */
export function refusalHeaders({ code, text, hint }: Refusal): MsgHdrs {
  const lines = headers();
  lines.set(errorHeader, code);
  lines.set(errorTextHeader, headerText(text));
  if (hint !== undefined) lines.set(errorHintHeader, headerText(hint));
  return lines;
}

export function headerText(text: string): string {
  return text.slice(0, longestText).replace(/\p{Cc}+/gu, " ");
}

/** What an answer refuses, or `undefined` when it does not. */
export function refusalOf(answer: Pick<Msg, "headers">): Refusal | undefined {
  const code = answer.headers?.get(errorHeader);
  if (!code) return undefined;
  const hint = answer.headers?.get(errorHintHeader);
  return { code, text: answer.headers?.get(errorTextHeader) ?? "", ...(hint && { hint }) };
}
