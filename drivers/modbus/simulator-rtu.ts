/**
 * Modbus RTU slaves on one line, for tests and demos: the units of a bank answer on any stream of bytes (a socket
 * to an emulator's serial port, a pseudo-terminal, a pipe in memory), and misbehave when told to.
 *
 *     const probe = createMemory({ input: { 0: 215 } });
 *     using slave = serveRtu(socket, { 1: probe });
 *     slave.misbehave("bad-crc", { times: 3 });
 *     await slave.behaved();
 *     probe.set("input", 0, 220);
 *
 * It hears requests by their length and CRC; bytes that belong to none are dropped after 100 ms of silence. Units
 * that are not in the bank are silent. Unit 0 is all of them: they do what is written, and none answers
 * (MODBUS over Serial Line V1.02, section 2.1).
 */
import type { Duplex } from "node:stream";
import { encodeRtu, isIntact, requestBytes } from "./rtu-frame.ts";
import { answer, type SimulatedUnit } from "./simulator-answer.ts";
import { describeRequest, type SimulatedRequest } from "./simulator-request.ts";

export { createMemory, type Memory, type SimulatedUnit } from "./simulator-answer.ts";
export type { SimulatedRequest } from "./simulator-request.ts";

/** What may be wrong with a reply. */
export type Misbehaviour =
  /** The CRC's bits are flipped. */
  | "bad-crc"
  /** No reply. */
  | "silence"
  /** The reply comes in two parts, `delayMs` (30) apart. */
  | "split"
  /** The reply comes after `delayMs` (1500). */
  | "late"
  /** The reply is signed by another unit, its CRC is right. */
  | "wrong-unit"
  /** The reply is to another function, its CRC is right. */
  | "wrong-function"
  /** The last three bytes are missing. */
  | "truncated"
  /** Nine bytes of noise come before the reply, and two behind it. */
  | "noise"
  /** Exception `code` (4) instead of an answer. */
  | "exception";

export interface MisbehaveOptions {
  /** Requests that are answered badly; then all is well. @default Infinity */
  times?: number;
  /** Only this unit misbehaves. @default all */
  unit?: number;
  /** For `late` and `split`. */
  delayMs?: number;
  /** For `exception`. @default 4, server device failure */
  code?: number;
}

export interface RtuSlave extends Disposable {
  /** The newest 10,000 requests, in the order of coming, each with what was wrong with its reply. */
  readonly requests: readonly (SimulatedRequest & { misbehaved?: Misbehaviour })[];
  /** From the next request on; replaces what was told before. */
  misbehave(mode: Misbehaviour, options?: MisbehaveOptions): void;
  /** From the next request on all is well. */
  behave(): void;
  /** Resolves when no more misbehaviour is due: at once, after `times` requests, or by {@link behave}. */
  behaved(): Promise<void>;
  /** Waits for the next request that fits. */
  request(fits?: (request: SimulatedRequest) => boolean): Promise<SimulatedRequest>;
  /** Stops answering. The stream stays open: it belongs to who made it. */
  close(): void;
}

export interface ServeRtuOptions {
  /** How the slaves begin. @default well */
  misbehave?: Misbehaviour;
}

const keptRequests = 10_000;
const giveUpMs = 100;
/** Bits of many kinds; no two bytes of it are a unit of 1 to 84 and a function code. */
const noise = Buffer.from("00ffaa55aa0180aaff", "hex");

/** Answers on `stream` for the units of `bank`, by their addresses (1 to 247), until it ends or `close`. */
export function serveRtu(
  stream: Duplex,
  bank: Readonly<Record<number, SimulatedUnit>>,
  { misbehave }: ServeRtuOptions = {},
): RtuSlave {
  const requests: (SimulatedRequest & { misbehaved?: Misbehaviour })[] = [];
  const waiting = new Set<(request: SimulatedRequest) => void>();
  const timers = new Set<NodeJS.Timeout>();
  let fault: { mode: Misbehaviour; left: number; options: MisbehaveOptions } | undefined;
  let wellAgain = Promise.withResolvers<void>();
  let heard = Buffer.alloc(0);
  let silence: NodeJS.Timeout | undefined;

  function send(bytes: Buffer): void {
    if (stream.writable) stream.write(bytes);
  }
  function later(ms: number, bytes: Buffer): void {
    const timer = setTimeout(() => {
      timers.delete(timer);
      send(bytes);
    }, ms);
    timers.add(timer);
  }

  function onData(chunk: Buffer): void {
    clearTimeout(silence);
    heard = Buffer.concat([heard, chunk]);
    let at = 0;
    while (at < heard.length) {
      const length = requestBytes(heard, at);
      if (length === undefined || at + length > heard.length) break;
      if (length > 0 && isIntact(heard, at, length)) {
        onRequest(heard[at]!, Buffer.from(heard.subarray(at + 1, at + length - 2)));
        at += length;
      } else at += 1;
    }
    heard = Buffer.from(heard.subarray(at));
    silence = setTimeout(() => {
      heard = Buffer.alloc(0);
    }, giveUpMs);
  }

  function onRequest(unit: number, pdu: Buffer): void {
    const request: SimulatedRequest & { misbehaved?: Misbehaviour } = describeRequest(unit, pdu);
    const faulty = takeFault(unit);
    if (faulty) request.misbehaved = faulty.mode;
    requests.push(request);
    if (requests.length > keptRequests) requests.shift();
    if (unit === 0) for (const each of Object.values(bank)) answer(each, pdu);
    else {
      const reply = answer(bank[unit], pdu);
      if (reply) respond(unit, reply, faulty);
    }
    for (const tell of [...waiting]) tell(request);
  }

  function takeFault(unit: number): typeof fault {
    const now = fault;
    if (!now || unit === 0 || (now.options.unit !== undefined && now.options.unit !== unit)) return undefined;
    now.left -= 1;
    if (now.left <= 0) behave();
    return now;
  }

  function respond(unit: number, reply: Buffer, faulty: typeof fault): void {
    const frame = encodeRtu(unit, reply);
    if (!faulty) {
      send(frame);
      return;
    }
    const code = reply[0]!;
    const { delayMs, code: exception = 4 } = faulty.options;
    const replies: Record<Misbehaviour, () => void> = {
      "bad-crc"() {
        frame[frame.length - 1]! ^= 0x55;
        send(frame);
      },
      silence() {},
      split() {
        send(frame.subarray(0, 3));
        later(delayMs ?? 30, frame.subarray(3));
      },
      late: () => later(delayMs ?? 1500, frame),
      "wrong-unit": () => send(encodeRtu(unit ^ 0x55, reply)),
      "wrong-function": () =>
        send(encodeRtu(unit, Buffer.concat([Buffer.of(code === 3 ? 4 : 3), reply.subarray(1)]))),
      truncated: () => send(frame.subarray(0, -3)),
      noise: () => send(Buffer.concat([noise, frame, noise.subarray(0, 2)])),
      exception: () => send(encodeRtu(unit, Buffer.of((code & 0x7f) | 0x80, exception))),
    };
    replies[faulty.mode]();
  }

  function behave(): void {
    fault = undefined;
    wellAgain.resolve();
  }
  function begin(mode: Misbehaviour, options: MisbehaveOptions = {}): void {
    const { times = Number.POSITIVE_INFINITY } = options;
    if (times <= 0) {
      behave();
      return;
    }
    if (!fault) wellAgain = Promise.withResolvers();
    fault = { mode, left: times, options };
  }
  function close(): void {
    stream.off("data", onData);
    clearTimeout(silence);
    for (const timer of timers) clearTimeout(timer);
    timers.clear();
  }

  wellAgain.resolve();
  if (misbehave) begin(misbehave);
  stream.on("data", onData);
  stream.once("close", close);
  return {
    requests,
    misbehave: begin,
    behave,
    behaved: () => wellAgain.promise,
    request: (fits = () => true) =>
      new Promise((resolve) => {
        const tell = (request: SimulatedRequest): void => {
          if (!fits(request)) return;
          waiting.delete(tell);
          resolve(request);
        };
        waiting.add(tell);
      }),
    close,
    [Symbol.dispose]: close,
  };
}
