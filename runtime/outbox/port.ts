import { bootId, monotonicMs } from "../boot.ts";
import type { Lane } from "../plugin/contract.ts";
import { type Commit, type Committed, Keeper, type Opened } from "./keeper.ts";
import type { FileRow } from "./row.ts";
import type { ChainCounters, Epoch, StoreOptions } from "./store.ts";
import type { RowRange } from "./types.ts";

/** A keeper at arm's length: in a thread of its own (`thread-port.ts`) or, in tests and tools, right here. */
export interface KeeperPort {
  open(): Promise<Opened>;
  ensureChain(plugin: string, lane: Lane): Promise<ChainCounters>;
  commit(commit: Commit): Promise<Committed>;
  read(lane: Lane, afterId: number, maxBytes: number): Promise<FileRow[]>;
  verify(afterId: number): Promise<void>;
  markSent(chain: number, range: RowRange): Promise<void>;
  setQuota(quotaBytes: number): Promise<void>;
  disown(): Promise<void>;
  fence(chain: number): Promise<FileRow>;
  giveUp(
    row: { id: number; chain: number; row: number; samples: number },
    reason: "too-large",
  ): Promise<FileRow>;
  setClock(offsetMs: number): Promise<Epoch[]>;
  close(): Promise<void>;
  /** Called before the operation that met the damage returns. */
  onReset: (opened: Opened) => void;
}

export interface PortOptions extends StoreOptions {
  path: string;
  ballastBytes?: number;
  /** @default this boot */
  bootId?: string;
}

/** The keeper in this thread: an fsync stops everything else meanwhile. */
export class LocalPort implements KeeperPort {
  readonly #keeper: Keeper;
  onReset: (opened: Opened) => void = () => {};

  constructor(options: PortOptions & { monotonicMs?: () => number }) {
    this.#keeper = new Keeper({ bootId: bootId(), monotonicMs, ...options });
  }

  async #run<T>(work: (keeper: Keeper) => T): Promise<T> {
    const result = work(this.#keeper);
    const reset = this.#keeper.takeReset();
    if (reset) this.onReset(reset);
    return result;
  }

  open = (): Promise<Opened> => this.#run((keeper) => keeper.open());
  ensureChain = (plugin: string, lane: Lane): Promise<ChainCounters> =>
    this.#run((keeper) => ({ ...keeper.ensureChain(plugin, lane) }));
  commit = (commit: Commit): Promise<Committed> => this.#run((keeper) => keeper.commit(commit));
  read = (lane: Lane, afterId: number, maxBytes: number): Promise<FileRow[]> =>
    this.#run((keeper) => keeper.read(lane, afterId, maxBytes));
  verify = (afterId: number): Promise<void> => this.#run((keeper) => keeper.verify(afterId));
  markSent = (chain: number, range: RowRange): Promise<void> =>
    this.#run((keeper) => keeper.markSent(chain, range));
  setQuota = (quotaBytes: number): Promise<void> => this.#run((keeper) => keeper.setQuota(quotaBytes));
  disown = (): Promise<void> => this.#run((keeper) => keeper.disown());
  fence = (chain: number): Promise<FileRow> => this.#run((keeper) => keeper.fence(chain));
  giveUp: KeeperPort["giveUp"] = (row, reason) => this.#run((keeper) => keeper.giveUp(row, reason));
  setClock = (offsetMs: number): Promise<Epoch[]> => this.#run((keeper) => keeper.setClock(offsetMs));
  close = (): Promise<void> => this.#run((keeper) => keeper.close());
}
