/**
 * `order.json`: what the node was told to become, how far it is, and what it has done with earlier orders.
 *
 * `{ "version": 1, "current"?: CurrentOrder, "ended": [{ "id", "phase" }] }`, written whole (../durable-file.ts).
 *
 * `ended` remembers the last {@link mostEnded} ids: an order that comes again, as after each start, is not done again, so a
 * bundle that fell back is tried once. A file that can't be read is set aside: the hub tells its order again.
 */
import { readFile, rename } from "node:fs/promises";
import { writeDurable } from "../durable-file.ts";
import { messageOf } from "../errors.ts";
import type { Log } from "../log.ts";
import type { BundleInfo, SlotName, UpdatePhase } from "./types.ts";

/** An order of the hub, or of a person at the node. */
export interface WantedUpdate {
  readonly id: string;
  /** Who asked; left out: the hub. */
  readonly by?: string;
  /** What the hub says that the bundle is. A person's is known once it is installed. */
  readonly bundle?: BundleInfo;
  /** That a person has brought the bundle: `local`. */
  readonly place?: string;
  readonly permit?: string;
}

export interface CurrentOrder {
  readonly wanted: WantedUpdate;
  readonly phase: Exclude<UpdatePhase, "good" | "refused" | "failed" | "fell-back">;
  /** The version that ran when it was installed, and where. */
  readonly from?: string;
  readonly fromSlot?: SlotName;
  /** Of the bundle that was installed. */
  readonly to?: string;
  /** How often an installation was begun. */
  readonly installs: number;
  /** The hub took it back when it was installed already: the node does not restart for it. */
  readonly withdrawn?: true;
}

export interface OrderFile {
  readonly version: 1;
  readonly current?: CurrentOrder;
  readonly ended: readonly { readonly id: string; readonly phase: UpdatePhase }[];
}

export const orderName = "order.json";
export const mostEnded = 32;

export async function readOrderFile(path: string, log: Log): Promise<OrderFile> {
  const none: OrderFile = { version: 1, ended: [] };
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return none;
  try {
    const file: Partial<OrderFile> = JSON.parse(text);
    const { version, current, ended } = file;
    if (version !== 1 || !Array.isArray(ended)) throw new Error("it is none of version 1");
    if (current !== undefined && typeof current.wanted?.id !== "string")
      throw new Error("its order has no id");
    return file as OrderFile;
  } catch (error) {
    log.error(`${path} can't be read, and is set aside: ${messageOf(error)}`);
    await rename(path, `${path}.damaged`);
    return none;
  }
}

export async function writeOrderFile(path: string, file: OrderFile): Promise<void> {
  await writeDurable(path, `${JSON.stringify({ ...file, ended: file.ended.slice(-mostEnded) })}\n`);
}
