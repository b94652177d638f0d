/**
 * Regular expressions on bytes from outside, with a bound on their time.
 *
 * JavaScript's expressions go back and forth: `(a+)+b` takes twice as long for each `a` more, and a line may bring
 * any bytes. Two things bound it: a frame is never longer than `maxFrameBytes`, and V8 is told to end an attempt after
 * {@link limitMs} (a script's `timeout`, which is the only way to stop one that runs). Who needed that long is not
 * asked again for {@link restMs}, so that the node's one thread has most of its time for others. The bound costs about
 * 0.1 ms an attempt, for the thread that watches it.
 *
 * The text has one character a byte (latin1), so that places are places of bytes; groups are UTF-8 where they can be.
 */
import { createContext, Script } from "node:vm";
import { frameError } from "./errors.ts";

export const limitMs = 50;
export const restMs = 1000;

export interface Match {
  /** Place of the first character of the match, and of the first after it. */
  start: number;
  end: number;
  groups: Readonly<Record<string, string | undefined>>;
}

export interface Pattern {
  /**
   * The first match in `text`. Throws `SERIAL_FRAME` when it takes longer than {@link limitMs}, and for
   * {@link restMs} after that.
   *
   * @param nowMs monotonic
   */
  match(text: string, nowMs: number): Match | undefined;
}

/** Throws `SyntaxError` when `source` is no regular expression. */
export function createPattern(source: string): Pattern {
  const sandbox = { expression: new RegExp(source, "s"), text: "" };
  const context = createContext(sandbox);
  const script = new Script("expression.exec(text)");
  let restUntilMs = Number.NEGATIVE_INFINITY;
  return {
    match(text, nowMs) {
      if (nowMs < restUntilMs) throw frameError(`the pattern took longer than ${limitMs} ms, it rests`);
      sandbox.text = text;
      let found: RegExpExecArray | null;
      try {
        found = script.runInContext(context, { timeout: limitMs }) as RegExpExecArray | null;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw error;
        restUntilMs = nowMs + limitMs + restMs;
        throw frameError(`the pattern took longer than ${limitMs} ms with ${text.length} characters`);
      }
      if (!found) return undefined;
      const groups = Object.entries(found.groups ?? {}).map(([name, group]) => [
        name,
        group && decoded(group),
      ]);
      return { start: found.index, end: found.index + found[0].length, groups: Object.fromEntries(groups) };
    },
  };
}

/** The names of the groups of a regular expression. Throws `SyntaxError` when it is none. */
export function groupNames(source: string): string[] {
  // With an empty alternative it fits everything, and tells all of its groups.
  return Object.keys(new RegExp(`${source}|`, "s").exec("")?.groups ?? {});
}

function decoded(latin1: string): string {
  const bytes = Buffer.from(latin1, "latin1");
  const text = bytes.toString("utf8");
  return text.includes("\ufffd") ? latin1 : text;
}
