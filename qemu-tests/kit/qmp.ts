import type { Socket } from "node:net";
import { UmecError } from "../../runtime/errors.ts";
import { Feed } from "./feed.ts";
import { readLines } from "./lines.ts";

/** An event of QEMU, for example `SHUTDOWN`. */
export interface QmpEvent {
  event: string;
  data: Record<string, unknown>;
  /** QEMU's clock, Unix milliseconds. */
  atMs: number;
}

interface Message {
  QMP?: unknown;
  id?: number;
  return?: unknown;
  error?: { class: string; desc: string };
  event?: string;
  data?: Record<string, unknown>;
  timestamp?: { seconds: number; microseconds: number };
}

/**
 * A client of the QEMU Machine Protocol (QEMU's manual, "QEMU Machine Protocol Specification"): commands that may
 * overlap, and events. Commands and their members are in "QEMU QMP Reference Manual".
 */
export class Qmp {
  readonly #socket: Socket;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #events = new Feed<QmpEvent>();
  readonly #greeted = Promise.withResolvers<void>();
  #nextId = 1;
  #closed: UmecError | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#greeted.promise.catch(() => undefined);
    readLines(socket, (line) => this.#take(line));
    socket.on("close", () => this.#end());
  }

  /** Speaks QMP over a connected socket; resolves when commands are taken. */
  static async open(socket: Socket): Promise<Qmp> {
    const qmp = new Qmp(socket);
    await qmp.#greeted.promise;
    await qmp.execute("qmp_capabilities");
    return qmp;
  }

  /**
   * Runs a command and resolves with the member `return` of its answer.
   *
   * @throws UmecError `QMP_REFUSED` with QEMU's words, `QMP_CLOSED` when QEMU ends before it answers
   */
  async execute<T = unknown>(command: string, args?: Record<string, unknown>): Promise<T> {
    if (this.#closed) throw this.#closed;
    const id = this.#nextId++;
    const answer = Promise.withResolvers<unknown>();
    this.#waiting.set(id, answer);
    this.#socket.write(
      `${JSON.stringify({ execute: command, id, ...(args !== undefined && { arguments: args }) })}\n`,
    );
    try {
      return (await answer.promise) as T;
    } catch (cause) {
      if (!(cause instanceof QmpRefusal)) throw cause;
      const asked = `${command} ${JSON.stringify(args ?? {})}`;
      throw new UmecError("QMP_REFUSED", `QEMU refuses ${asked}: ${cause.message}`, { cause });
    }
  }

  /** Events from now on; ends when QEMU does or the signal is aborted. */
  events(options: { signal?: AbortSignal } = {}): AsyncIterableIterator<QmpEvent> {
    return this.#events.follow(options);
  }

  /**
   * The next event of this name, from now on.
   *
   * @throws UmecError `QMP_CLOSED` when QEMU ends first; the signal's reason
   */
  async event(name: string, options: { signal?: AbortSignal } = {}): Promise<QmpEvent> {
    for await (const event of this.events(options)) if (event.event === name) return event;
    options.signal?.throwIfAborted();
    throw this.#closed ?? closed();
  }

  /** Asks QEMU to end, without the guest's knowledge. Resolves when the connection is closed. */
  async quit(): Promise<void> {
    const end = new Promise<void>((done) => {
      if (this.#closed) done();
      else this.#socket.once("close", () => done());
    });
    await this.execute("quit").catch((error: unknown) => {
      if (!this.#closed) throw error;
    });
    await end;
  }

  #take(line: string): void {
    let message: Message;
    try {
      message = JSON.parse(line) as Message;
    } catch (error) {
      this.#socket.destroy(error as Error);
      return;
    }
    if (message.QMP !== undefined) this.#greeted.resolve();
    else if (message.event !== undefined) {
      const { seconds = 0, microseconds = 0 } = message.timestamp ?? {};
      const atMs = seconds * 1000 + microseconds / 1000;
      this.#events.push({ event: message.event, data: message.data ?? {}, atMs });
    } else this.#answer(message);
  }

  #answer(message: Message): void {
    const answer = this.#waiting.get(message.id ?? 0);
    this.#waiting.delete(message.id ?? 0);
    if (message.error) answer?.reject(new QmpRefusal(message.error.desc));
    else answer?.resolve(message.return);
  }

  #end(): void {
    this.#closed = closed();
    this.#greeted.reject(this.#closed);
    for (const { reject } of this.#waiting.values()) reject(this.#closed);
    this.#waiting.clear();
    this.#events.end();
  }
}

class QmpRefusal extends Error {}

function closed(): UmecError {
  return new UmecError("QMP_CLOSED", "QEMU has ended or closed its control socket");
}
