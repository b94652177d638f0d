/**
 * Where to look for units, as `--at` says it:
 *
 *     /dev/ttyUSB0                                       a serial line
 *     /dev/ttyUSB0?lines=9600-8E1,19200-8N1&units=1-32   with these settings and these units alone
 *     tcp://192.0.2.10:502?units=1-10                    a server or gateway of Modbus TCP
 *     rtu+tcp://192.0.2.11:4001                          a serial server that passes RTU frames on
 */
import { UmecError } from "../../runtime/plugin/sdk.ts";
import { defaults } from "./options.ts";
import { characterMs, type SerialFormat } from "./serial-timing.ts";

interface Search {
  /** Unit identifiers, the likely ones first. */
  units: number[];
  /** The first asks each unit, the others those that answered. */
  functions: number[];
  /** How long a unit gets to think, in milliseconds. */
  timeoutMs: number;
}

export type Place = Search &
  (
    | { transport: "serial"; path: string; lines: SerialFormat[] }
    | { transport: "tcp" | "rtu-over-tcp"; host: string; port: number }
  );

/** What devices are shipped with, the most usual first. A reader of one stop bit also takes two. */
const usualLines = "9600-8N1,9600-8E1,19200-8E1,19200-8N1,2400-8N1,38400-8N1,115200-8N1";
const knownFunctions = [3, 4, 17, 43];
/** Devices answer in 10 to 100 ms. */
const thoughtMs = 150;

/** Throws `MODBUS_PLACE` for what is no place, with the part that is wrong. */
export function parsePlace(at: string): Place {
  const [where = "", query = ""] = at.split(/\?(.*)/s);
  const given = new URLSearchParams(query);
  for (const key of given.keys())
    if (!["lines", "units", "functions", "timeoutMs"].includes(key)) throw wrong(`${key} is no setting`);
  const search: Search = {
    units: parseUnits(given.get("units") ?? "1-247"),
    functions: parseFunctions(given.get("functions") ?? "3,4,17,43"),
    timeoutMs: parseNumber("timeoutMs", given.get("timeoutMs") ?? String(thoughtMs), 1, 60_000),
  };
  if (where.startsWith("/")) {
    return {
      ...search,
      transport: "serial",
      path: where,
      lines: (given.get("lines") ?? usualLines).split(",").map(parseLine),
    };
  }
  const [, scheme, host, port] =
    /^(tcp|rtu\+tcp):\/\/(\[[0-9a-f:.]+\]|[^/:]+)(?::(\d+))?$/i.exec(where) ?? [];
  if (host === undefined) throw wrong(`${where} is neither a port nor an address`);
  if (given.has("lines")) throw wrong("lines are of serial ports alone");
  return {
    ...search,
    transport: scheme === "tcp" ? "tcp" : "rtu-over-tcp",
    host: host.replaceAll(/[[\]]/g, ""),
    port: parseNumber("port", port ?? String(defaults.port), 1, 65_535),
    ...(given.has("timeoutMs") ? {} : { timeoutMs: 1000 }),
  };
}

/** `9600 8N1`. */
export function lineName({ baudRate, parity, stopBits }: SerialFormat): string {
  return `${baudRate} 8${parity[0]!.toUpperCase()}${stopBits}`;
}

/** What asking all units costs when none answers, in milliseconds. */
export function scanMs({ timeoutMs }: Pick<Search, "timeoutMs">, units: number, line?: SerialFormat): number {
  const frameMs = line ? 24 * characterMs(line) : 0;
  return units * (timeoutMs + frameMs);
}

function parseLine(text: string): SerialFormat {
  const [, baud, letter, stop] = /^(\d+)-8([NEO])([12])$/i.exec(text) ?? [];
  if (baud === undefined) throw wrong(`${text} is no line setting such as 9600-8N1`);
  const parity = { N: "none", E: "even", O: "odd" } as const;
  return {
    baudRate: parseNumber("lines", baud, 300, 4_000_000),
    parity: parity[letter!.toUpperCase() as "N" | "E" | "O"],
    stopBits: Number(stop),
  };
}

function parseUnits(text: string): number[] {
  const units = text.split(",").flatMap((part) => {
    const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(part) ?? [];
    if (first === undefined) throw wrong(`units: ${part} is neither a unit nor a range such as 1-32`);
    const from = parseNumber("units", first, 1, 255);
    const to = parseNumber("units", last!, from, 255);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
  return [...new Set(units)];
}

function parseFunctions(text: string): number[] {
  const functions = text.split(",").map(Number);
  for (const code of functions)
    if (!knownFunctions.includes(code))
      throw wrong(`functions: only 3, 4, 17 and 43 are asked, as they change nothing`);
  return functions;
}

function parseNumber(what: string, text: string, least: number, most: number): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= least && number <= most) return number;
  throw wrong(`${what}: ${text} is not within ${least} to ${most}`);
}

function wrong(reason: string): UmecError {
  return new UmecError("MODBUS_PLACE", reason, {
    hint: "say /dev/ttyUSB0?lines=9600-8N1&units=1-32, or tcp://192.0.2.10:502",
  });
}
