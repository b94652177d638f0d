/**
 * Finds the units on a line: asks each unit identifier for one register and sees who answers.
 *
 * Nothing is written: only functions 3, 4, 17 and 43/14 are sent, which read. Any answer counts, a refusal too, since
 * only one who is there refuses; but not a gateway's word that nobody answered (exceptions 10 and 11).
 *
 * A serial line is tried with each setting, first for the eight lowest identifiers, where most devices are; with the
 * setting on which somebody answers the rest of the identifiers is asked and no other setting is tried, since all
 * units of a line share it. A port that other programs use can't be opened, so a line that a node polls is not
 * disturbed.
 *
 * Some servers on the network answer whatever identifier they are asked by: when three that hardly anybody uses all
 * answer, the first of all stands for the rest.
 */
import { type DiscoverOptions, type Found, isUmecError } from "../../runtime/plugin/sdk.ts";
import { type Client, createClient } from "./client.ts";
import { lineName, type Place, parsePlace, scanMs } from "./discover-place.ts";
import { ModbusException } from "./errors.ts";
import { decodeDeviceId, decodeServerId, encodeReadDeviceId, encodeReportServerId } from "./identify.ts";
import type { RegisterOptions } from "./options.ts";
import { decodeRead, encodeRead, functionCode, type Table } from "./pdu.ts";
import { rtu } from "./rtu.ts";
import { serialLine } from "./serial.ts";
import { characterMs, type SerialFormat, silenceMs } from "./serial-timing.ts";
import { tcpLine } from "./tcp.ts";
import type { OpenLine } from "./transport.ts";

/** Opens what a place names; another one in tests. */
export interface Openers {
  serial(options: SerialFormat & { path: string }): OpenLine;
  tcp(options: { host: string; port: number }): OpenLine;
}

interface Answer {
  unit: number;
  /** What it says of itself; empty if nothing. */
  says: string;
  /** A register that it has. */
  register?: [name: string, options: RegisterOptions];
}

/** How many identifiers are asked first. */
const likely = 8;
const unlikely = [247, 246, 245];

/** Yields each unit as soon as it answers. Throws `MODBUS_PLACE`, or why the line can't be opened. */
export async function* discover(
  { at, log, signal }: DiscoverOptions,
  openers: Openers = { serial: serialLine, tcp: tcpLine },
): AsyncGenerator<Found> {
  if (at === undefined) {
    log.info("modbus looks only where it is told: --at /dev/ttyUSB0, or tcp://host:port");
    return;
  }
  const place = parsePlace(at);
  const until = endOf(signal);
  const [first, rest] = [place.units.slice(0, likely), place.units.slice(likely)];
  if (place.transport !== "serial") {
    await using client = clientOf(place, openers);
    const indifferent = await answersAll(client, place, until);
    const units = indifferent ? place.units.slice(0, 1) : place.units;
    if (indifferent) log.info(`${at}: it answers for every unit that is asked`);
    else log.info(`${at}: asking ${units.length} units, up to ${seconds(scanMs(place, units.length))}`);
    for await (const answer of scan(client, place, units, until)) yield foundAt(place, undefined, answer);
    return;
  }
  for (const units of [first, rest]) {
    for (const line of place.lines) {
      const most = seconds(scanMs(place, units.length, line));
      log.info(`${place.path}: ${lineName(line)}: asking ${units.length} units, up to ${most}`);
      await using client = clientOf(place, openers, line);
      let found = false;
      for await (const answer of scan(client, place, units, until)) {
        found = true;
        yield foundAt(place, line, answer);
      }
      if (!found) continue;
      if (units === first)
        for await (const answer of scan(client, place, rest, until)) yield foundAt(place, line, answer);
      return;
    }
  }
}

function clientOf(place: Place, openers: Openers, line?: SerialFormat): Client {
  const { timeoutMs } = place;
  // Who answers late is known by its identifier, and is not asked again.
  const patient = { lateMs: 0, retries: 1 };
  if (place.transport === "serial") {
    const timing = { silenceMs: silenceMs(line!), characterMs: characterMs(line!) };
    const open = openers.serial({ path: place.path, ...line! });
    return createClient({ open, exchange: rtu({ ...patient, ...timing }), timeoutMs });
  }
  const open = openers.tcp(place);
  if (place.transport === "tcp") return createClient({ open, timeoutMs });
  return createClient({ open, exchange: rtu(patient), timeoutMs });
}

/** Rejects when the search is given up, be a request under way or not. */
function endOf(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => {});
  if (signal.aborted) reject(signal.reason);
  else signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  return promise;
}

async function* scan(
  client: Client,
  { functions }: Place,
  units: readonly number[],
  until: Promise<never>,
): AsyncGenerator<Answer> {
  for (const unit of units) {
    const ask = async (pdu: Buffer): Promise<Buffer | undefined> => {
      try {
        return await Promise.race([until, client.request(unit, pdu)]);
      } catch (error) {
        if (isUmecError(error, "MODBUS_TIMEOUT") || isUmecError(error, "MODBUS_FRAME")) return undefined;
        throw error;
      }
    };
    if (!isThere(await ask(probe(functions[0]!)))) continue;
    const says = await whoIs(ask, functions);
    const register = await aRegister(ask, functions);
    yield { unit, says, ...(register && { register }) };
  }
}

async function answersAll(client: Client, place: Place, until: Promise<never>): Promise<boolean> {
  if (!unlikely.every((unit) => place.units.includes(unit))) return false;
  let answers = 0;
  for await (const _ of scan(client, place, unlikely, until)) answers += 1;
  return answers === unlikely.length;
}

type Ask = (pdu: Buffer) => Promise<Buffer | undefined>;

function probe(code: number): Buffer {
  if (code === functionCode.reportServerId) return encodeReportServerId();
  if (code === functionCode.encapsulated) return encodeReadDeviceId();
  return encodeRead(code === functionCode.readInputRegisters ? "input" : "holding", 0, 1);
}

/** A refusal is an answer, but for a gateway's. */
function isThere(reply: Buffer | undefined): boolean {
  if (!reply) return false;
  return (
    reply.length !== 2 || reply[0]! < 0x80 || !new ModbusException(reply[0]! & 0x7f, reply[1]!).unitIsSilent
  );
}

async function whoIs(ask: Ask, functions: readonly number[]): Promise<string> {
  const ways = [
    [functionCode.encapsulated, decodeDeviceId],
    [functionCode.reportServerId, decodeServerId],
  ] as const;
  for (const [code, decode] of ways) {
    const text = functions.includes(code) ? decoded(await ask(probe(code)), decode) : undefined;
    if (text) return text;
  }
  return "";
}

/** One of the first registers, by which a plugin can begin; two at once for devices of floats only. */
async function aRegister(ask: Ask, functions: readonly number[]): Promise<Answer["register"]> {
  const tables: Table[] = [];
  if (functions.includes(functionCode.readHoldingRegisters)) tables.push("holding");
  if (functions.includes(functionCode.readInputRegisters)) tables.push("input");
  for (const count of [1, 2]) {
    for (const table of tables) {
      for (const address of [0, 1].slice(0, 3 - count)) {
        const pdu = encodeRead(table, address, count);
        if (!decoded(await ask(pdu), (reply) => decodeRead(pdu, reply))) continue;
        const type = count === 2 ? ({ type: "float32" } as const) : {};
        return [`${table}-${address}`, { table, address, ...type }];
      }
    }
  }
  return undefined;
}

function decoded<T>(reply: Buffer | undefined, decode: (reply: Buffer) => T): T | undefined {
  try {
    return reply && decode(reply);
  } catch (error) {
    if (isUmecError(error, "MODBUS_EXCEPTION") || isUmecError(error, "MODBUS_FRAME")) return undefined;
    throw error;
  }
}

function foundAt(place: Place, line: SerialFormat | undefined, { unit, says, register }: Answer): Found {
  const where =
    place.transport === "serial" ? `${place.path} ${lineName(line!)}` : `${place.host}:${place.port}`;
  const summary = `${where} unit ${unit}: ${says || "answers and does not say what it is"}`;
  if (!register) return { summary: `${summary}; none of its first registers can be read` };
  const units = { [`unit-${unit}`]: { unit, registers: Object.fromEntries([register]) } };
  const way =
    place.transport === "serial"
      ? { transport: "serial", path: place.path, ...line }
      : {
          ...(place.transport === "tcp" ? {} : { transport: place.transport }),
          host: place.host,
          port: place.port,
        };
  return { summary, plugin: { name: nameOf(place), options: { ...way, units } } };
}

/** `modbus-ttyusb0`, `modbus-192-0-2-10`. */
function nameOf(place: Place): string {
  const own = place.transport === "serial" ? place.path.split("/").at(-1)! : place.host;
  return `modbus-${own
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .slice(0, 40)}`.replace(/-+$/, "");
}

function seconds(ms: number): string {
  return `${Math.ceil(ms / 1000)} s`;
}
