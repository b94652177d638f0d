/**
 * A Modbus RTU slave, or many of them on one line, for tests and demos: they answer on any stream of bytes (a socket
 * to an emulator's serial port, a pseudo-terminal, a pipe in memory), and misbehave when told to.
 *
 *     const probe = createMemory({ input: { 0: 215 } });
 *     using slave = serveRtu(socket, { 1: probe });
 *     slave.misbehave("bad-crc", { times: 3 });
 *     const { unit } = await slave.nextRequest();
 *     await slave.behaved();
 *     probe.set("input", 0, 220);
 *
 * Functions 1 to 6, 15, 16 and their exceptions: MODBUS Application Protocol V1.1b3, section 6. Serial line: V1.02,
 * section 2.1: unit 0 is a broadcast, done by all and answered by none; who is not there is silent. A unit gives one
 * answer at a time; an answer that is late does not hold up the other units.
 *
 * The slave outlives its lines: registers, faults and log stay when one closes, and the next one is served with them.
 */
import type { Duplex } from "node:stream";
import { UmecError } from "../../runtime/plugin/sdk.ts";
import { encodeRtu } from "./rtu-frame.ts";
import { answer, type SimulatedUnit } from "./simulator-answer.ts";
import { type MisbehaveOptions, type Misbehaviour, sendWrong } from "./simulator-misbehaviour.ts";
import { createRequestReader } from "./simulator-reader.ts";
import { describeRequest, type SimulatedRequest } from "./simulator-request.ts";

export { createMemory, type Memory, type SimulatedUnit } from "./simulator-answer.ts";
export type { MisbehaveOptions, Misbehaviour } from "./simulator-misbehaviour.ts";
export type { SimulatedRequest } from "./simulator-request.ts";

/** A request, or bytes that were none. */
export type SlaveLogEntry = SlaveRequest | SlaveNoise;

export interface SlaveRequest extends SimulatedRequest {
  readonly kind: "request";
  /** When it was whole: `performance.now()`, milliseconds. */
  readonly atMs: number;
  /** All bytes, with the checksum. */
  readonly bytes: Uint8Array;
  /** How the answer went wrong, if it did. */
  readonly mode: Misbehaviour | undefined;
}

export interface SlaveNoise {
  readonly kind: "noise";
  readonly atMs: number;
  readonly bytes: Uint8Array;
}

interface Fault {
  mode: Misbehaviour;
  settings: MisbehaveOptions;
  left: number;
}

const keptEntries = 10_000;

export class ModbusSlave implements Disposable {
  /** Who is on the line, by unit number 1 to 247; may be changed at any time. */
  readonly units: Map<number, SimulatedUnit>;
  readonly #log: SlaveLogEntry[] = [];
  readonly #waiting = new Set<(request: SlaveRequest) => void>();
  readonly #faults: Fault[] = [];
  readonly #lines = new Set<() => void>();
  #well = Promise.withResolvers<void>();

  constructor(units: Readonly<Record<number, SimulatedUnit>> = {}) {
    this.units = new Map(Object.entries(units).map(([unit, memory]) => [Number(unit), memory]));
    this.#well.resolve();
  }

  /**
   * The next answers go wrong so, behind those of earlier calls (the first mode that fits an answer is used).
   * @throws UmecError `DEVICE_VALUE` if `times` is not positive
   */
  misbehave(mode: Misbehaviour, settings: MisbehaveOptions = {}): void {
    const { times = Infinity } = settings;
    if (!(times > 0)) throw new UmecError("DEVICE_VALUE", `times is ${times}; it must be 1 or more`);
    if (this.#faults.length === 0) this.#well = Promise.withResolvers();
    this.#faults.push({ mode, settings, left: times });
  }

  /** Ends all misbehaviour. What is under way ends as it began. */
  behave(): void {
    this.#faults.length = 0;
    this.#well.resolve();
  }

  /** Resolves when no more misbehaviour is due: at once, after `times` answers, or by {@link behave}. */
  behaved(): Promise<void> {
    return this.#well.promise;
  }

  /** The newest 10,000 entries, oldest first. */
  log(): readonly SlaveLogEntry[] {
    return [...this.#log];
  }

  /** The requests of {@link log}. */
  get requests(): readonly SlaveRequest[] {
    return this.#log.filter((entry) => entry.kind === "request");
  }

  /** The next request, from now on, that fits. Rejects with the signal's reason. */
  nextRequest({
    fits = () => true,
    signal,
  }: {
    fits?: (request: SlaveRequest) => boolean;
    signal?: AbortSignal;
  } = {}): Promise<SlaveRequest> {
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<SlaveRequest>();
    const tell = (request: SlaveRequest): void => {
      if (fits(request)) resolve(request);
    };
    const abort = (): void => reject(signal?.reason);
    this.#waiting.add(tell);
    signal?.addEventListener("abort", abort, { once: true });
    return promise.finally(() => {
      this.#waiting.delete(tell);
      signal?.removeEventListener("abort", abort);
    });
  }

  /** Sits on a line, beside those that it has, until it closes. The line's errors are for its owner to hear. */
  serve(line: Duplex): void {
    const left = new AbortController();
    const send = (bytes: Buffer): void => {
      if (line.writable) line.write(bytes);
    };
    /** The end of each unit's answer that is under way. */
    const tails = new Map<number, Promise<void>>();
    const reader = createRequestReader({
      onFrame: (frame) => {
        const answering = this.#receive(Buffer.from(frame), send, left.signal);
        if (!answering) return;
        const tail = (tails.get(frame[0]!) ?? Promise.resolve()).then(answering);
        tails.set(
          frame[0]!,
          tail.catch((error) => {
            if (!left.signal.aborted) throw error;
          }),
        );
      },
      onNoise: (bytes) =>
        this.#note({ kind: "noise", atMs: performance.now(), bytes: Uint8Array.from(bytes) }),
    });
    const onData = (chunk: Buffer): void => reader.push(chunk);
    const leave = (): void => {
      line.off("data", onData);
      line.off("close", leave);
      reader.close();
      left.abort();
      this.#lines.delete(leave);
    };
    this.#lines.add(leave);
    line.on("data", onData);
    line.once("close", leave);
  }

  /** Leaves all lines. The streams stay open: they belong to who made them. */
  close(): void {
    for (const leave of [...this.#lines]) leave();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Does what the request says; the result sends the answer, if there is one. */
  #receive(
    frame: Buffer,
    send: (bytes: Buffer) => void,
    signal: AbortSignal,
  ): (() => void | Promise<void>) | undefined {
    const unit = frame[0]!;
    const pdu = frame.subarray(1, -2);
    const bytes = Uint8Array.from(frame);
    const request = describeRequest(unit, pdu);
    const fault = this.units.has(unit) ? this.#takeFault(request) : undefined;
    this.#note({ ...request, kind: "request", atMs: performance.now(), bytes, mode: fault?.mode });
    if (unit === 0) {
      for (const member of this.units.values()) answer(member, pdu);
      return undefined;
    }
    // An exception in its place means that the request is not done.
    const reply = fault?.mode === "exception" ? Buffer.of(pdu[0]!) : answer(this.units.get(unit), pdu);
    if (!reply) return undefined;
    if (fault) return () => sendWrong({ ...fault, unit, request: pdu, reply, send, signal });
    return () => {
      if (!signal.aborted) send(encodeRtu(unit, reply));
    };
  }

  #takeFault({ unit, table }: SimulatedRequest): Fault | undefined {
    const fault = this.#faults.find(
      ({ settings }) => (settings.unit ?? unit) === unit && (settings.table ?? table) === table,
    );
    if (!fault) return undefined;
    fault.left -= 1;
    if (fault.left <= 0) this.#faults.splice(this.#faults.indexOf(fault), 1);
    if (this.#faults.length === 0) this.#well.resolve();
    return fault;
  }

  #note(entry: SlaveLogEntry): void {
    this.#log.push(entry);
    if (this.#log.length > keptEntries) this.#log.shift();
    if (entry.kind === "request") for (const tell of [...this.#waiting]) tell(entry);
  }
}

/** Slaves on `stream` for the units of `bank`, by their addresses (1 to 247). */
export function serveRtu(stream: Duplex, bank: Readonly<Record<number, SimulatedUnit>>): ModbusSlave {
  const slave = new ModbusSlave(bank);
  slave.serve(stream);
  return slave;
}
