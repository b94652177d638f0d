import type { CreateExchange } from "./exchange.ts";
import { mbap } from "./mbap.ts";
import { defaults, type ModbusOptions } from "./options.ts";
import { pipeline, silentTimeoutsToDrop } from "./pipeline.ts";
import { rtu } from "./rtu.ts";
import { maxRtuBytes } from "./rtu-frame.ts";
import { serialLine } from "./serial.ts";
import { characterMs, defaultStopBits, silenceMs } from "./serial-timing.ts";
import { tcpLine } from "./tcp.ts";
import type { OpenLine } from "./transport.ts";

/** What the options say about the way to the devices: all in which the transports differ. */
export interface Connection {
  /** For messages. */
  peer: string;
  open: OpenLine;
  exchange: CreateExchange;
  connectTimeoutMs: number;
  maxInFlight: number;
  /** Longest time that one request takes when its turn has come. */
  probeMs: number;
}

export function connectionOf(options: ModbusOptions): Connection {
  const timeoutMs = options.timeoutMs ?? defaults.timeoutMs;
  if (options.transport === "serial") return serialConnection(options, timeoutMs);
  const { host, port = defaults.port, connectTimeoutMs = defaults.connectTimeoutMs } = options;
  const network = { peer: `${host}:${port}`, open: tcpLine({ host, port }), connectTimeoutMs };
  if (options.transport === "rtu-over-tcp") {
    // The serial server keeps the line's silence and speed; a request waits for its own transfer there.
    const exchange = rtu({ ...rtuOptions(options), silentToDrop: silentTimeoutsToDrop });
    return { ...network, exchange, maxInFlight: 1, probeMs: rtuProbeMs(options, timeoutMs) };
  }
  const { maxInFlight = defaults.maxInFlight } = options;
  const exchange = pipeline({ framing: mbap, maxInFlight });
  return { ...network, exchange, maxInFlight, probeMs: timeoutMs };
}

type RtuTransport = Exclude<ModbusOptions, { transport?: "tcp" }>;
type SerialTransport = Extract<ModbusOptions, { transport: "serial" }>;

function serialConnection(options: SerialTransport, timeoutMs: number): Connection {
  const { path, baudRate = defaults.baudRate, parity = defaults.parity, rts } = options;
  const format = { baudRate, parity, stopBits: options.stopBits ?? defaultStopBits(parity) };
  const perCharacter = characterMs(format);
  return {
    peer: path,
    open: serialLine({ path, ...format, ...(rts ? { rts } : {}) }),
    exchange: rtu({ silenceMs: silenceMs(format), ...rtuOptions(options), characterMs: perCharacter }),
    connectTimeoutMs: defaults.connectTimeoutMs,
    maxInFlight: 1,
    probeMs: rtuProbeMs(options, timeoutMs + 2 * maxRtuBytes * perCharacter),
  };
}

function rtuOptions({ silenceMs, turnaroundMs, lateMs, retries }: RtuTransport) {
  return {
    ...(silenceMs === undefined ? {} : { silenceMs }),
    turnaroundMs: turnaroundMs ?? defaults.turnaroundMs,
    ...(lateMs === undefined ? {} : { lateMs }),
    retries: retries ?? defaults.retries,
  };
}

/** Each attempt may have to wait until a late reply can't come any more. */
function rtuProbeMs({ lateMs, retries = defaults.retries }: RtuTransport, onceMs: number): number {
  return (retries + 1) * (onceMs + (lateMs ?? onceMs));
}
