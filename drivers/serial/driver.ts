/**
 * The driver for serial lines: what a sensor or a GNSS receiver sends becomes samples, and commands are written to it.
 *
 * The parts: `port` is the line (`memory-line` its twin), `connection` keeps it open and gives writes their turns. A
 * framer (`nmea-framer`, `delimiter-framer`, `length-framer`, `regex-framer`) cuts the stream into frames; `fields` or
 * `nmea` reads them; `decoder` chooses among these. `presence` tells whether the device is there, `faults` counts what
 * could not be read, `outbox` hands the samples to the host.
 */
import {
  type Driver,
  defineDriver,
  type Host,
  messageOf,
  type Point,
  type Sample,
} from "../../runtime/plugin/sdk.ts";
import { bytesOf } from "./byte-text.ts";
import { checkOptions } from "./check.ts";
import { encodeCommand, schemaOf } from "./commands.ts";
import { type Connection, createConnection } from "./connection.ts";
import { createDecoder, type Decoder } from "./decoder.ts";
import { discoverPorts } from "./discover.ts";
import { createFaults } from "./faults.ts";
import type { Frame, Framer } from "./framer.ts";
import type { LineSettings, OpenLine } from "./line.ts";
import { gnssPoints } from "./nmea-readings.ts";
import { defaults, optionsSchema, type SerialOptions } from "./options.ts";
import { createOutbox } from "./outbox.ts";
import { serialPort } from "./port.ts";
import { createPresence } from "./presence.ts";

/** The driver on another line than a real port: for tests. */
export function createDriver(openWith: (settings: LineSettings) => OpenLine): Driver<typeof optionsSchema> {
  return defineDriver({
    manifest: {
      name: "serial",
      version: "0.1.0",
      kind: "low",
      summary: "Reads GNSS receivers (NMEA 0183) and other devices on serial lines, by line or by frame.",
      options: optionsSchema,
      points,
      check: checkOptions,
      needs: ({ path }) => ({ devices: [path] }),
      // The report of errors is a sign of life also of a line that is silent.
      deadlineMs: ({ errorsEveryMs = defaults.errorsEveryMs }) =>
        Math.max(60_000, 2 * errorsEveryMs + 30_000),
    },
    run: (options, host, signal) => run(options, host, signal, openWith),
    discover: discoverPorts,
  });
}

export const driver = createDriver(serialPort);
export default driver;

function deviceOf({ device, framing }: SerialOptions): string {
  return device ?? (framing === "nmea" ? "gnss" : "line");
}

function points(options: SerialOptions): Point[] {
  const device = deviceOf(options);
  const { framing, fields = {}, commands = {} } = options;
  const read =
    framing === "nmea" ? gnssPoints : Object.entries(fields).map(([name, { unit }]) => ({ name, unit }));
  return [
    { name: `${device}/online`, summary: "Whether the device sends" },
    { name: `${device}/errors`, unit: "count", summary: "What could not be read, since the start" },
    ...read.map(({ name, unit, ...more }) => ({
      name: `${device}/${name}`,
      ...(unit === undefined ? {} : { unit }),
      ...("summary" in more ? { summary: more.summary } : {}),
    })),
    ...Object.entries(commands).map(([name, command]): Point => {
      const schema = schemaOf(command);
      return {
        name: `${device}/${name}`,
        access: "write",
        ...(schema === undefined ? {} : { schema }),
        ...(command.unit === undefined ? {} : { unit: command.unit }),
      };
    }),
  ];
}

async function run(
  options: SerialOptions,
  host: Host,
  signal: AbortSignal,
  openWith: (settings: LineSettings) => OpenLine,
): Promise<void> {
  const { path, silentMs = defaults.silentMs, errorsEveryMs = defaults.errorsEveryMs } = options;
  const device = deviceOf(options);
  const decoder = await createDecoder(options);
  const outbox = createOutbox(host, signal);
  const faults = createFaults(`${device}/errors`, host.log);
  const presence = createPresence({
    silentMs,
    onChange(online, reason) {
      host.log[online ? "info" : "warn"](`${path}: ${reason}`);
      host
        .emit([{ name: `${device}/online`, value: online }], { lane: "alarm" })
        .catch((error: unknown) => host.log.warn(`${device}/online was not stored: ${messageOf(error)}`));
    },
  });
  const take = createTaker({
    options,
    device,
    decoder,
    host,
    put: outbox.put,
    faults,
    heard: presence.heard,
  });
  let framer: Framer | undefined;
  let outage = false;
  const connection = createConnection({
    path,
    open: openWith(settingsOf(options)),
    backoff: options.reconnect ?? defaults.reconnect,
    sleep: (ms) => host.scheduler.sleep(ms),
    onOpen() {
      outage = false;
      host.log.info(`${path} is open`);
      framer = decoder.createFramer({ frame: take, garbage: faults.add }, host.clock.monotonicMs());
      presence.opened();
      for (const text of options.init ?? []) {
        connection.write(bytesOf(text)).catch((error: unknown) => host.log.warn(messageOf(error)));
      }
    },
    onData: (chunk) => framer?.push(chunk, host.clock.monotonicMs()),
    onDown(error) {
      // Once for each outage, not for each attempt.
      host.log[outage ? "debug" : "warn"](error.message);
      outage = true;
      presence.lost(error.message);
    },
  });

  offerCommands(options, device, host, connection);
  host.scheduler.every(errorsEveryMs, () => {
    outbox.put(faults.report());
  });
  startPoll(options, host, connection);
  try {
    await connection.run(signal);
  } finally {
    presence.stop();
  }
}

function settingsOf(options: SerialOptions): LineSettings {
  const { path, baudRate, dataBits, parity, stopBits, flow } = { ...defaults, ...options };
  return { path, baudRate, dataBits, parity, stopBits, flow };
}

function offerCommands(
  { commands = {} }: SerialOptions,
  device: string,
  host: Host,
  { write }: Connection,
): void {
  for (const [name, command] of Object.entries(commands)) {
    host.onCommand(`${device}/${name}`, async ({ value }) => {
      const bytes = encodeCommand(command, value);
      await write(bytes);
      return { writtenBytes: bytes.length };
    });
  }
}

function startPoll({ poll }: SerialOptions, host: Host, { write }: Connection): void {
  if (!poll) return;
  const bytes = bytesOf(poll.send);
  host.scheduler.every(poll.everyMs, async () => {
    try {
      await write(bytes);
    } catch (error) {
      // That the port is away was told already.
      host.log.debug(messageOf(error));
    }
  });
}

interface TakerOptions {
  options: SerialOptions;
  device: string;
  decoder: Decoder;
  host: Host;
  put: (samples: Sample[]) => void;
  faults: { add(reason: string): void };
  heard: () => void;
}

/** What happens with each frame. */
function createTaker({
  options,
  device,
  decoder,
  host,
  put,
  faults,
  heard,
}: TakerOptions): (frame: Frame) => void {
  const { minIntervalMs = options.framing === "nmea" ? nmeaIntervalMs : 0, nmea } = options;
  const { time: offersTime, accuracyMs } = { ...defaults.nmea, ...nmea };
  const takenMs = new Map<string, number>();
  let refusedTime = false;

  return (frame) => {
    let decoded: ReturnType<Decoder["read"]>;
    try {
      decoded = decoder.read(frame);
    } catch (error) {
      faults.add(messageOf(error));
      return;
    }
    const { key, readings, time, timeRefused } = decoded;
    for (const fault of decoded.faults) faults.add(fault);
    // A frame of which nothing could be read is no sign of a sound device.
    if (decoded.faults.length === 0 || readings.some(({ quality }) => quality !== "bad")) heard();
    if (time && offersTime) host.offerTime({ ...time, accuracyMs });
    if (timeRefused !== undefined) {
      faults.add(timeRefused);
      if (!refusedTime) host.log.warn(`the receiver's time does not count: ${timeRefused}`);
      refusedTime = true;
    }
    if (readings.length === 0) return;
    if (frame.atMs - (takenMs.get(key) ?? Number.NEGATIVE_INFINITY) < minIntervalMs) return;
    takenMs.set(key, frame.atMs);
    const ageMs = host.clock.monotonicMs() - frame.atMs;
    const at = host.clock.known() ? { timeMs: host.clock.nowMs() - ageMs } : {};
    put(readings.map(({ name, ...reading }) => ({ name: `${device}/${name}`, ...reading, ...at })));
  };
}

/** Receivers of several systems send some sentences once for each: one is enough. */
const nmeaIntervalMs = 500;
