/**
 * The orders of an updater, in memory and in `order.json`: the present one, the next one, and which have ended.
 *
 * Memory is changed at once, and the promise resolves when the disk has it. One writing at a time, each of what is the
 * newest then.
 */
import { UmecError } from "../errors.ts";
import type { Log } from "../log.ts";
import {
  type CurrentOrder,
  type OrderFile,
  readOrderFile,
  type WantedUpdate,
  writeOrderFile,
} from "./order-file.ts";
import type { UpdatePhase } from "./types.ts";

/** Ends work at an order that is taken back or replaced. */
export class Withdrawn extends Error {}

export class Orders {
  readonly #path: string;
  #file: OrderFile;
  /** The hub's, which waits until the present one ends. */
  #next: WantedUpdate | undefined;
  /** The id of one that was taken back, or replaced. */
  #givenUp: string | undefined;
  #work = new AbortController();
  #writing: Promise<unknown> = Promise.resolve();
  #wake = Promise.withResolvers<void>();

  static async open(path: string, log: Log): Promise<Orders> {
    return new Orders(path, await readOrderFile(path, log));
  }

  private constructor(path: string, file: OrderFile) {
    this.#path = path;
    this.#file = file;
  }

  get current(): CurrentOrder | undefined {
    return this.#file.current;
  }

  hasEnded(id: string): boolean {
    return this.#file.ended.some((one) => one.id === id);
  }

  /** The order that the hub has for this node now; `undefined` when it has none. */
  async take(wanted: WantedUpdate | undefined): Promise<void> {
    const { current } = this.#file;
    // Who stands at the node goes first.
    const byHub = current !== undefined && current.wanted.by === undefined;
    this.#next = undefined;
    if (current && wanted && current.wanted.id === wanted.id) {
      const { withdrawn, ...rest } = current;
      // It may just be given up: then it begins again.
      if (this.#givenUp === wanted.id) this.#next = wanted;
      else if (withdrawn) await this.save(rest);
    } else if (!wanted) {
      if (byHub && isBound(current)) await this.save({ ...current, withdrawn: true });
      else if (byHub) this.#giveUp(current.wanted.id);
    } else if (!this.hasEnded(wanted.id)) {
      this.#next = wanted;
      if (byHub && !isBound(current)) this.#giveUp(current.wanted.id);
    }
    this.notify();
  }

  /** An order of a person at the node. @throws UmecError `UPDATE_BUSY` while another one is not done */
  async add(wanted: WantedUpdate): Promise<void> {
    const busy = this.#file.current?.wanted.id ?? this.#next?.id;
    if (busy !== undefined) {
      throw new UmecError("UPDATE_BUSY", `the node is busy with the update ${busy}`, {
        hint: "umec status says how far it is; one of the hub's is stopped there, by umec ota stop",
      });
    }
    await this.save({ wanted, phase: "ordered", installs: 0 });
    this.notify();
  }

  /** The next one, which is the caller's to save. */
  next(): WantedUpdate | undefined {
    const next = this.#next;
    this.#next = undefined;
    return next;
  }

  /** A signal for a step of the present order: it aborts with {@link Withdrawn} when the order is taken back. */
  beginStep(): AbortSignal {
    const { current } = this.#file;
    this.#work = new AbortController();
    if (current && this.#givenUp === current.wanted.id && !isBound(current))
      this.#work.abort(new Withdrawn());
    return this.#work.signal;
  }

  async save(current: CurrentOrder): Promise<void> {
    const { ended } = this.#file;
    this.#file = { version: 1, current, ended };
    await this.#write();
  }

  /** It was taken back: nothing is remembered of it, so it may come again. */
  async drop(): Promise<void> {
    this.#givenUp = undefined;
    this.#file = { version: 1, ended: this.#file.ended };
    await this.#write();
  }

  async end(id: string, phase: UpdatePhase): Promise<void> {
    const others = this.#file.ended.filter((one) => one.id !== id);
    this.#file = { version: 1, ended: [...others, { id, phase }] };
    await this.#write();
  }

  notify(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }

  /** Resolves at the next order, change of one, or `notify`. */
  get changed(): Promise<void> {
    return this.#wake.promise;
  }

  #giveUp(id: string): void {
    this.#givenUp = id;
    this.#work.abort(new Withdrawn());
  }

  #write(): Promise<void> {
    const writing = this.#writing.then(() => writeOrderFile(this.#path, this.#file));
    this.#writing = writing.catch(() => undefined);
    return writing;
  }
}

/** From the beginning of the installation on the new slot is, or may be, the first to boot. */
export function isBound({ phase }: CurrentOrder): boolean {
  return phase === "installing" || phase === "installed" || phase === "restarting" || phase === "trying";
}
