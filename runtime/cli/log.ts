/**
 * The log of the program's processes: pino behind {@link Log}.
 *
 * - For people a line is `12:00:01.250 INFO: link up plugin=meter rttMs=12`, for programs one JSON object with
 *   `level`, `time` (RFC 3339), `msg` and the fields. A field that has one of these three names gets a `_`.
 * - An error among the fields is shown as its code and message; its stack and causes only at level `debug`.
 * - It writes synchronously, so that the last words of a process are not lost, and it never throws: a log
 *   that can't be written is no reason to stop measuring.
 */
import { inspect } from "node:util";
import { pino } from "pino";
import pretty from "pino-pretty";
import { isUmecError } from "../errors.ts";
import type { Log, LogFields } from "../log.ts";
import type { LogLevel } from "../target/types.ts";

export type LogFormat = "text" | "json";

export interface LogOptions {
  /** The least important level that is written. @default "info" */
  level?: LogLevel;
  /** @default "text" */
  format?: LogFormat;
  /** Takes whole lines. */
  destination: { write(text: string): unknown };
}

export interface CliLog extends Log {
  /** Applies to this log and all its children. */
  setLevel(level: LogLevel): void;
}

export function createLog(options: LogOptions): CliLog {
  const { level = "info", format = "text", destination } = options;
  const render = format === "json" ? (line: string) => line : prettify();
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line: string) => void destination.write(render(line)) },
  );

  const make = (bound: LogFields): CliLog => {
    const say = (at: LogLevel, message: string, fields?: LogFields) => {
      try {
        if (!logger.isLevelEnabled(at)) return;
        const all = Object.entries({ ...bound, ...fields });
        const debug = logger.isLevelEnabled("debug");
        logger[at](
          Object.fromEntries(all.map(([key, value]) => [freeKey(key), shown(value, debug)])),
          message,
        );
      } catch {
        // See above.
      }
    };
    return {
      debug: (message, fields) => say("debug", message, fields),
      info: (message, fields) => say("info", message, fields),
      warn: (message, fields) => say("warn", message, fields),
      error: (message, fields) => say("error", message, fields),
      child: (fields) => make({ ...bound, ...fields }),
      setLevel(next) {
        logger.level = next;
      },
    };
  };
  return make({});
}

const ownKeys = new Set(["level", "time", "msg"]);

function freeKey(key: string): string {
  return ownKeys.has(key) ? `${key}_` : key;
}

function shown(value: unknown, debug: boolean): unknown {
  if (!(value instanceof Error)) return value;
  const text = isUmecError(value) ? `${value.code}: ${value.message}` : value.message;
  return debug ? `${text}\n${inspect(value)}` : text;
}

/** pino-pretty as a function: as a stream it would write later. */
function prettify(): (line: string) => string {
  return pretty.prettyFactory({
    colorize: false,
    hideObject: true,
    translateTime: "SYS:HH:MM:ss.l",
    messageFormat: (fields) => {
      const { msg, level: _, time: __, ...rest } = fields as Record<string, unknown>;
      return [msg, ...Object.entries(rest).map(([key, value]) => `${key}=${asText(value)}`)].join(" ");
    },
    customPrettifiers: {
      time: (time) => String(time),
      level: (level) => String(level).toUpperCase(),
    },
  });
}

function asText(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  // A stack stays readable; other text is quoted where it would run into the next field.
  return /^[^\s"=]+$/.test(text) || text.includes("\n    at ") ? text : JSON.stringify(value);
}
