/**
 * Reads a set of values by a plan, and learns from what the device refuses.
 *
 * A device may refuse a whole range because of one register that it does not have (exception 2, illegal data
 * address) or because it takes fewer at once than the standard allows (exception 3, illegal data value). Then
 * the range is split for good, in the same poll, so that nothing else is blind: first into requests without
 * gaps, since what lies between the values is what may be missing; if one of these is refused again, into one
 * request for each value; and a value that is refused alone is bad. It is reported once, left out, and asked
 * for again every `retryRefusedMs`: a device may gain it by an update.
 *
 * Any other exception costs the values of that request in that poll, and nothing else. Silence, or the loss
 * of the connection, ends the poll: what follows would only wait as well.
 */
import { UmecError } from "../../runtime/plugin/sdk.ts";
import { ModbusException } from "./errors.ts";
import { type Item, oneRead, type PlanLimits, planReads, type Read } from "./plan.ts";

export interface ReaderOptions<I extends Item> {
  items: readonly I[];
  limits: (table: Item["table"]) => PlanLimits;
  /** Monotonic time in milliseconds. */
  nowMs: () => number;
  /** @default 600_000 */
  retryRefusedMs?: number;
  /** A value's data came: `index` counts registers or bits in `data`. */
  onData: (item: I, data: Buffer, index: number) => void;
  /** The device does not have this value; told once. */
  onRefused: (item: I, error: ModbusException) => void;
  /** A read failed by another exception, or by a reply that is none. */
  onFailed: (read: Read<I>, error: UmecError) => void;
}

export interface Reader<I extends Item> {
  /**
   * Reads all once, with up to `window` requests at once. Rejects with the first error that is neither an
   * exception for one range nor a broken frame, after all requests under way have ended.
   */
  poll(read: (read: Read<I>) => Promise<Buffer>, window?: number): Promise<void>;
  /** The requests of the next poll, as far as learnt. */
  readonly reads: readonly Read<I>[];
}

export function createReader<I extends Item>(options: ReaderOptions<I>): Reader<I> {
  const { items, limits, nowMs, retryRefusedMs = 600_000, onData, onRefused, onFailed } = options;
  let reads = [...Map.groupBy(items, (item) => item.table)].flatMap(([table, group]) =>
    planReads(group, limits(table)),
  );
  const refused = new Map<I, { sinceMs: number }>();

  /** What to ask instead of a refused read; empty if it was one value alone. */
  function split(read: Read<I>): Read<I>[] {
    if (read.items.length === 1) return [];
    const dense = planReads(read.items, { ...limits(read.table), gaps: false });
    return dense.length > 1 ? dense : read.items.map((item) => oneRead([item]));
  }

  async function poll(ask: (read: Read<I>) => Promise<Buffer>, window = 1): Promise<void> {
    const now = nowMs();
    const due = [...refused].filter(([, { sinceMs }]) => now - sinceMs >= retryRefusedMs);
    const agenda = [...reads, ...due.map(([item]) => oneRead([item]))];
    let next = 0;
    let fatal: unknown;

    const one = async (read: Read<I>): Promise<void> => {
      try {
        const data = await ask(read);
        for (const item of read.items) onData(item, data, item.address - read.address);
        const item = read.items[0]!;
        if (read.items.length === 1 && refused.delete(item)) reads.push(read);
      } catch (error) {
        if (error instanceof ModbusException && error.refusesRange) learn(read, error);
        else if (isLocal(error)) onFailed(read, error);
        else throw error;
      }
    };
    const learn = (read: Read<I>, error: ModbusException): void => {
      const instead = split(read);
      reads = reads.filter((other) => other !== read).concat(instead);
      agenda.push(...instead);
      if (instead.length > 0) return;
      const item = read.items[0]!;
      if (!refused.has(item)) onRefused(item, error);
      refused.set(item, { sinceMs: now });
    };
    const work = async (): Promise<void> => {
      while (next < agenda.length && fatal === undefined) {
        await one(agenda[next++]!).catch((error: unknown) => {
          fatal ??= error;
        });
      }
    };
    await Promise.all(Array.from({ length: window }, work));
    if (fatal !== undefined) throw fatal;
  }

  return {
    poll,
    get reads() {
      return reads;
    },
  };
}

/** An answer came, and it concerns this read only. */
function isLocal(error: unknown): error is UmecError {
  return error instanceof ModbusException
    ? !error.unitIsSilent
    : error instanceof UmecError && error.code === "MODBUS_FRAME";
}
