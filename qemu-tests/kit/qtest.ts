import type { Socket } from "node:net";
import { UmecError } from "../../runtime/errors.ts";
import { readLines } from "./lines.ts";

/**
 * A client of QEMU's qtest protocol (`system/qtest.c` in QEMU's source). It is made for tests without a guest, but the
 * same socket works beside a running one: it drives input pins of any device, tells of its output pins and reads
 * registers as the guest's bus would.
 *
 * The protocol is line based and has no numbers: answers come in the order of the commands, and between them lines
 * `IRQ raise <n>` and `IRQ lower <n>`.
 */
export class Qtest {
  readonly #socket: Socket;
  readonly #waiting: { line: string; answer: PromiseWithResolvers<string> }[] = [];
  readonly #listeners = new Set<(line: number, level: 0 | 1) => void>();
  #closed: UmecError | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    readLines(socket, (line) => this.#take(line));
    socket.on("close", () => {
      this.#closed = new UmecError("QTEST_CLOSED", "QEMU has ended or closed its qtest socket");
      for (const { answer } of this.#waiting.splice(0)) answer.reject(this.#closed);
    });
  }

  /**
   * Sends one line and resolves with what stands behind `OK`, trimmed.
   *
   * @throws UmecError `QTEST_REFUSED` on `FAIL` and `ERR`, `QTEST_CLOSED` when QEMU ends before it answers
   */
  async command(line: string): Promise<string> {
    if (this.#closed) throw this.#closed;
    if (line.includes("\n"))
      throw new UmecError("QTEST_REFUSED", `${JSON.stringify(line)} is more than one line`);
    const answer = Promise.withResolvers<string>();
    this.#waiting.push({ line, answer });
    this.#socket.write(`${line}\n`);
    return answer.promise;
  }

  /**
   * Sets an input pin of the device at `path` (QOM). QEMU ends when the device has no such input, so look it up with
   * `qom-list` first.
   */
  async setIrqIn(path: string, name: string, line: number, level: number): Promise<void> {
    await this.command(`set_irq_in ${path} ${name} ${line} ${level}`);
  }

  /** From now on changes of the output pins of the device at `path` come as `onIrq`; one device for each QEMU. */
  async interceptOut(path: string): Promise<void> {
    await this.command(`irq_intercept_out ${path}`);
  }

  /** Reads 32 bits at a physical address, as the guest's bus does. */
  async readl(address: number): Promise<number> {
    return Number(await this.command(`readl 0x${address.toString(16)}`));
  }

  /** Calls back for each change that comes unasked. Returns how to end it. */
  onIrq(listener: (line: number, level: 0 | 1) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #take(text: string): void {
    const irq = /^IRQ (raise|lower) (\d+)$/.exec(text);
    if (irq) {
      const level = irq[1] === "raise" ? 1 : 0;
      for (const listener of this.#listeners) listener(Number(irq[2]), level);
      return;
    }
    const asked = this.#waiting.shift();
    if (/^OK\b/.test(text)) asked?.answer.resolve(text.slice(2).trim());
    else asked?.answer.reject(new UmecError("QTEST_REFUSED", `QEMU answers ${asked.line} with: ${text}`));
  }
}
