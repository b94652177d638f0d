/**
 * A Modbus RTU slave, or many of them on one line, for the board's serial port.
 *
 *     const rs485 = serialPort({ id: "rs485", units: { 7: createMemory({ holding: { 0: 2301 } }) } });
 *     rs485.slave.misbehave("bad-crc", { times: 3 });
 *     const { unit } = await rs485.slave.nextRequest();
 *
 * Functions 1 to 6, 15, 16 and their exceptions: MODBUS Application Protocol V1.1b3, section 6, as the Modbus TCP
 * simulator of `drivers/modbus` answers them. Serial line: V1.02, section 2.1 (unit 0 is a broadcast: done, not
 * answered; who is not there is silent). One answer is under way at a time, as on a half duplex line.
 */
import type { Duplex } from "node:stream";
import { answer, type SimulatedUnit } from "../../../../drivers/modbus/simulator-answer.ts";
import { valueError } from "../errors.ts";
import { type Mode, type ModeOptions, sendWrong } from "./misbehaviour.ts";
import { createRequestReader } from "./request-reader.ts";
import { encodeFrame } from "./rtu.ts";

/** One request, or bytes that were none. */
export interface SlaveLogEntry {
  /** `performance.now()`, milliseconds. */
  readonly atMs: number;
  readonly kind: "request" | "noise";
  /** All bytes, with the checksum. */
  readonly bytes: Uint8Array;
  /** 0 to 255; 0 is a broadcast. Of noise -1. */
  readonly unit: number;
  readonly functionCode: number;
  /** How the answer went wrong, if it did. */
  readonly mode: Mode | undefined;
}

const keptEntries = 1000;

export class ModbusSlave {
  /** Who is on the line, by unit number 1 to 247; may be changed at any time. */
  readonly units: Map<number, SimulatedUnit>;
  readonly #log: SlaveLogEntry[] = [];
  readonly #waiting = new Set<(entry: SlaveLogEntry) => void>();
  readonly #faults: { mode: Mode; settings: ModeOptions; left: number }[] = [];

  constructor(units: Readonly<Record<number, SimulatedUnit>> = {}) {
    this.units = new Map(Object.entries(units).map(([unit, memory]) => [Number(unit), memory]));
  }

  /**
   * The next answers go wrong so, behind those of earlier calls (the first mode that fits an answer is used).
   * Throws `DEVICE_VALUE` if `times` is not positive.
   */
  misbehave(mode: Mode, settings: ModeOptions = {}): void {
    const { times = Infinity } = settings;
    if (!(times > 0)) throw valueError(`times is ${times}; it must be 1 or more`);
    this.#faults.push({ mode, settings, left: times });
  }

  /** Ends all misbehaviour. What is under way ends as it began. */
  behave(): void {
    this.#faults.length = 0;
  }

  /** The newest 1000 entries, oldest first. */
  log(): readonly SlaveLogEntry[] {
    return [...this.#log];
  }

  /** The next request, from now on, that fits. Rejects with the signal's reason. */
  nextRequest({
    fits = () => true,
    signal,
  }: {
    fits?: (entry: SlaveLogEntry) => boolean;
    signal?: AbortSignal;
  } = {}): Promise<SlaveLogEntry> {
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<SlaveLogEntry>();
    const tell = (entry: SlaveLogEntry): void => {
      if (entry.kind === "request" && fits(entry)) resolve(entry);
    };
    const abort = (): void => reject(signal?.reason);
    this.#waiting.add(tell);
    signal?.addEventListener("abort", abort, { once: true });
    return promise.finally(() => {
      this.#waiting.delete(tell);
      signal?.removeEventListener("abort", abort);
    });
  }

  /** Sits on a line until it closes. */
  serve(line: Duplex): void {
    const closed = new AbortController();
    let tail: Promise<void> = Promise.resolve();
    const reader = createRequestReader({
      onFrame: (frame) => {
        const own = Buffer.from(frame);
        tail = tail.then(() => this.#answer(own, line, closed.signal)).catch(() => {});
      },
      onNoise: (bytes) => {
        const entry = {
          kind: "noise",
          bytes: Buffer.from(bytes),
          unit: -1,
          functionCode: -1,
          mode: undefined,
        } as const;
        tail = tail.then(() => this.#note(entry));
      },
    });
    line.on("data", (chunk: Buffer) => reader.push(chunk));
    line.on("error", () => {});
    line.on("close", () => {
      reader.close();
      closed.abort();
    });
  }

  async #answer(frame: Buffer, line: Duplex, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const unit = frame[0]!;
    const pdu = frame.subarray(1, -2);
    const fault = unit !== 0 && this.units.has(unit) ? this.#takeFault(unit) : undefined;
    this.#note({ kind: "request", bytes: frame, unit, functionCode: pdu[0]!, mode: fault?.mode });
    if (unit === 0) {
      for (const member of this.units.values()) answer(member, pdu);
      return;
    }
    // An exception in its place means that the request is not done.
    const reply = fault?.mode === "exception" ? Buffer.of(pdu[0]!) : answer(this.units.get(unit), pdu);
    if (!reply) return;
    const send = (bytes: Uint8Array): void => {
      if (line.writable) line.write(bytes);
    };
    if (fault) await sendWrong({ ...fault, unit, request: pdu, reply, send, signal });
    else send(encodeFrame(unit, reply));
  }

  #takeFault(unit: number): { mode: Mode; settings: ModeOptions } | undefined {
    const fault = this.#faults.find(({ settings }) => settings.unit === undefined || settings.unit === unit);
    if (!fault) return undefined;
    fault.left--;
    if (fault.left <= 0) this.#faults.splice(this.#faults.indexOf(fault), 1);
    return fault;
  }

  #note(what: Omit<SlaveLogEntry, "atMs">): void {
    const entry = { ...what, bytes: Uint8Array.from(what.bytes), atMs: performance.now() };
    this.#log.push(entry);
    if (this.#log.length > keptEntries) this.#log.shift();
    for (const tell of [...this.#waiting]) tell(entry);
  }
}
