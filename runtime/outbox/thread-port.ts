import { Worker } from "node:worker_threads";
import { UmecError } from "../errors.ts";
import type { Lane } from "../plugin/contract.ts";
import type { Commit, Committed, Opened } from "./keeper.ts";
import { type PackedRows, packRows, transferables, unpackRows } from "./packing.ts";
import type { KeeperPort, PortOptions } from "./port.ts";
import type { FileRow } from "./row.ts";
import type { ChainCounters, Epoch } from "./store.ts";
import type { Erasure, RowRange } from "./types.ts";

export interface ThreadData {
  options: PortOptions;
}

type RowKey = { id: number; chain: number; row: number; samples: number };

type Request =
  | { method: "open"; args: [] }
  | { method: "ensureChain"; args: [string, Lane] }
  | { method: "commit"; args: [PackedRows, readonly Erasure[], Commit["held"]] }
  | { method: "read"; args: [Lane, number, number] }
  | { method: "verify"; args: [number] }
  | { method: "markSent"; args: [number, RowRange] }
  | { method: "setQuota"; args: [number] }
  | { method: "disown"; args: [] }
  | { method: "fence"; args: [number] }
  | { method: "giveUp"; args: [RowKey, "too-large"] }
  | { method: "setClock"; args: [number] }
  | { method: "close"; args: [] };

export type Call = Request & { id: number };

export interface Reply {
  id: number;
  value?: unknown;
  error?: { code: string; message: string; hint: string | undefined };
  reset?: Opened;
}

/**
 * The keeper in a worker thread: a slow fsync holds up nobody but those who wait for it.
 *
 * A thread that ends by itself is a bug or the end of memory, and nothing can be stored any more: the error is
 * thrown where nobody catches it, so that the process ends and is started again.
 */
export class ThreadPort implements KeeperPort {
  readonly #worker: Worker;
  readonly #waiting = new Map<
    number,
    { resolve: (value: never) => void; reject: (error: unknown) => void }
  >();
  #lastCall = 0;
  #dead: unknown;
  #ending = false;
  onReset: (opened: Opened) => void = () => {};

  constructor(options: PortOptions) {
    const workerData: ThreadData = { options };
    this.#worker = new Worker(new URL("./thread.ts", import.meta.url), {
      workerData,
      name: "outbox",
      // The thread holds one batch at a time: a small young generation keeps the node's memory small.
      resourceLimits: { maxYoungGenerationSizeMb: 4 },
    });
    this.#worker.on("message", (reply: Reply) => this.#take(reply));
    this.#worker.on("error", (error) => this.#fail(error));
    this.#worker.on("exit", () =>
      this.#fail(new UmecError("OUTBOX_THREAD", "the outbox's thread has ended")),
    );
  }

  #take({ id, value, error, reset }: Reply): void {
    if (reset) this.onReset(reset);
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error)
      waiting?.reject(
        new UmecError(error.code, error.message, error.hint === undefined ? {} : { hint: error.hint }),
      );
    else waiting?.resolve(value as never);
  }

  #fail(error: unknown): void {
    if (this.#dead) return;
    this.#dead = error;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
    if (!this.#ending) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  #call<T>(request: Request, transfer: ArrayBuffer[] = []): Promise<T> {
    if (this.#dead) return Promise.reject(this.#dead);
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const id = ++this.#lastCall;
    this.#waiting.set(id, { resolve, reject });
    this.#worker.postMessage({ ...request, id } satisfies Call, transfer);
    return promise;
  }

  async open(): Promise<Opened> {
    try {
      return await this.#call({ method: "open", args: [] });
    } catch (error) {
      await this.#terminate();
      throw error;
    }
  }

  ensureChain(plugin: string, lane: Lane): Promise<ChainCounters> {
    return this.#call({ method: "ensureChain", args: [plugin, lane] });
  }

  async commit({ rows, erasures, held }: Commit): Promise<Committed> {
    const packed = packRows(rows, true);
    const reply = await this.#call<Omit<Committed, "rows"> & { numbered: PackedRows }>(
      { method: "commit", args: [packed, erasures, held] },
      transferables(packed),
    );
    const { numbered, ...rest } = reply;
    // The records stayed here: only the numbers came back.
    const numberedRows = unpackRows(numbered).map((row, i) => ({ ...row, records: rows[i]!.records }));
    return { ...rest, rows: numberedRows };
  }

  async read(lane: Lane, afterId: number, maxBytes: number): Promise<FileRow[]> {
    return unpackRows(await this.#call<PackedRows>({ method: "read", args: [lane, afterId, maxBytes] }));
  }

  verify(afterId: number): Promise<void> {
    return this.#call({ method: "verify", args: [afterId] });
  }

  markSent(chain: number, range: RowRange): Promise<void> {
    return this.#call({ method: "markSent", args: [chain, range] });
  }

  setQuota(quotaBytes: number): Promise<void> {
    return this.#call({ method: "setQuota", args: [quotaBytes] });
  }

  disown(): Promise<void> {
    return this.#call({ method: "disown", args: [] });
  }

  fence(chain: number): Promise<FileRow> {
    return this.#call({ method: "fence", args: [chain] });
  }

  giveUp(row: RowKey, reason: "too-large"): Promise<FileRow> {
    return this.#call({ method: "giveUp", args: [row, reason] });
  }

  setClock(offsetMs: number): Promise<Epoch[]> {
    return this.#call({ method: "setClock", args: [offsetMs] });
  }

  async close(): Promise<void> {
    this.#ending = true;
    await this.#call({ method: "close", args: [] });
    await this.#terminate();
  }

  async #terminate(): Promise<void> {
    this.#ending = true;
    await this.#worker.terminate();
  }
}
