/**
 * The board's console: what the guest prints, and a keyboard.
 *
 * One console lives as long as its board, over power cuts and resets: each QEMU brings a new connection, the text goes
 * on. `expect` reads on from where the last one ended, so a story is told in its order and nothing is missed between
 * two calls. The newest 4 MiB that nobody expected are kept; all of it is in the log file.
 */
import { createWriteStream, type WriteStream } from "node:fs";
import type { Socket } from "node:net";
import { UmecError } from "../../runtime/errors.ts";
import { Feed } from "./feed.ts";

export interface ExpectOptions {
  /** @default 60_000 */
  timeoutMs?: number;
  signal?: AbortSignal;
}

interface Waiter {
  pattern: RegExp;
  /** Whether it looks at all since the power came on, and takes nothing away from the others. */
  sinceStart: boolean;
  found: PromiseWithResolvers<RegExpExecArray>;
}

const keptCharacters = 4 * 2 ** 20;
const shownLines = 25;

export class Console {
  /** The log file: all that the guest ever printed. */
  readonly path: string;
  readonly #log: WriteStream;
  readonly #lines = new Feed<string>();
  readonly #waiters = new Set<Waiter>();
  #socket: Socket | undefined;
  #unread = "";
  #sinceStart = "";
  #tail = "";
  #line = "";
  #failure: UmecError | undefined;

  constructor(path: string) {
    this.path = path;
    this.#log = createWriteStream(path, { flags: "a" });
  }

  /** Goes on with the console of a QEMU that was just started. */
  attach(socket: Socket): void {
    this.#socket = socket;
    this.#failure = undefined;
    this.#sinceStart = "";
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => this.#take(text));
  }

  /**
   * Waits for `pattern` in what was printed behind the last match, and returns the match.
   *
   * @throws UmecError `CONSOLE_TIMEOUT` with the last lines and the log's path; what `fail` was given
   */
  expect(pattern: RegExp | string, options: ExpectOptions = {}): Promise<RegExpExecArray> {
    return this.#wait(toRegExp(pattern), false, options);
  }

  /** Waits until `pattern` stands anywhere in what was printed since the power came on. Throws as `expect` does. */
  async printed(pattern: RegExp | string, options: ExpectOptions = {}): Promise<void> {
    await this.#wait(toRegExp(pattern), true, options);
  }

  async #wait(pattern: RegExp, sinceStart: boolean, options: ExpectOptions): Promise<RegExpExecArray> {
    const { timeoutMs = 60_000, signal } = options;
    signal?.throwIfAborted();
    const waiter: Waiter = { pattern, sinceStart, found: Promise.withResolvers() };
    const { found } = waiter;
    const timer = setTimeout(() => found.reject(this.#timeout(waiter.pattern, timeoutMs)), timeoutMs);
    const abort = () => found.reject(signal?.reason);
    signal?.addEventListener("abort", abort, { once: true });
    this.#waiters.add(waiter);
    this.#match();
    if (this.#failure) found.reject(this.#failure);
    try {
      return await found.promise;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      this.#waiters.delete(waiter);
    }
  }

  /** Whole lines from now on, without their end. */
  lines(options: { signal?: AbortSignal } = {}): AsyncIterableIterator<string> {
    return this.#lines.follow(options);
  }

  /** Types `text` as it is; Enter is `\n`. @throws UmecError `CONSOLE_CLOSED` when the board has no power */
  write(text: string): void {
    if (!this.#socket?.writable) {
      throw new UmecError("CONSOLE_CLOSED", "the board has no power, so nobody reads its console");
    }
    this.#socket.write(text);
  }

  /** Prints `text` as if the guest did: what a boot loader says that is not in QEMU. Lines end with `\n`. */
  print(text: string): void {
    this.#take(text.replaceAll("\n", "\r\n"));
  }

  /** The last lines that the guest printed. */
  tail(lines = shownLines): string {
    return this.#tail.split("\n").slice(-lines).join("\n");
  }

  /** Ends all that wait with this error, until the next `attach`. */
  fail(error: UmecError): void {
    this.#failure = error;
    for (const { found } of this.#waiters) found.reject(error);
  }

  async close(): Promise<void> {
    this.fail(new UmecError("CONSOLE_CLOSED", "the board was taken down"));
    this.#lines.end();
    this.#socket?.destroy();
    await new Promise<void>((done) => this.#log.end(done));
  }

  #take(text: string): void {
    if (this.#log.writableEnded) return;
    this.#log.write(text);
    const plain = text.replaceAll("\r", "");
    this.#tail = (this.#tail + plain).slice(-16 * 1024);
    this.#unread = (this.#unread + text).slice(-keptCharacters);
    this.#sinceStart = (this.#sinceStart + text).slice(-keptCharacters);
    const lines = (this.#line + plain).split("\n");
    this.#line = (lines.pop() ?? "").slice(-keptCharacters);
    for (const line of lines) this.#lines.push(line);
    this.#match();
  }

  #match(): void {
    for (const waiter of this.#waiters) {
      const match = waiter.pattern.exec(waiter.sinceStart ? this.#sinceStart : this.#unread);
      if (!match) continue;
      if (!waiter.sinceStart) this.#unread = this.#unread.slice(match.index + match[0].length);
      this.#waiters.delete(waiter);
      waiter.found.resolve(match);
    }
  }

  #timeout(pattern: RegExp, timeoutMs: number): UmecError {
    return new UmecError(
      "CONSOLE_TIMEOUT",
      `${pattern} did not appear on the console within ${timeoutMs} ms; the last lines are:\n${this.tail()}`,
      { hint: `the whole log is ${this.path}` },
    );
  }
}

/** A pattern without the flags that make `exec` remember a place. */
function toRegExp(pattern: RegExp | string): RegExp {
  if (typeof pattern === "string") return new RegExp(pattern.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ""));
}
