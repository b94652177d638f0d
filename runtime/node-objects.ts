import { join } from "node:path";
import { bootId } from "./boot.ts";
import type { Clock } from "./clock.ts";
import { messageOf } from "./errors.ts";
import type { Log } from "./log.ts";
import { Spool } from "./objects/spool.ts";
import type { LostObject } from "./objects/types.ts";
import type { NewRow } from "./outbox/types.ts";
import { encodeRecord } from "./senml/cbor.ts";

export interface NodeObjectsOptions {
  /** The node's directory for data. */
  dataPath: string;
  quotaBytes: number;
  outbox: { append(row: NewRow): Promise<unknown> };
  clock: Clock;
  log: Log;
}

/** The point below a plugin that tells of its objects that were lost, as a text of JSON. */
const lostPoint = "objects/lost";

/** The node's spool of objects. What it loses becomes an alarm of the object's plugin, and so reaches the hub. */
export async function openNodeObjects(options: NodeObjectsOptions): Promise<Spool> {
  const { dataPath, quotaBytes, outbox, clock, log } = options;
  const tell = ({ plugin, ...lost }: LostObject): void => {
    const row: NewRow = {
      plugin,
      lane: "alarm",
      time: { monotonicMs: clock.monotonicMs() },
      samples: 1,
      records: encodeRecord({ n: lostPoint, vs: JSON.stringify(lost) }),
    };
    outbox.append(row).catch((error: unknown) => {
      log.warn(`the loss of an object could not be stored: ${messageOf(error)}`, { plugin, ...lost });
    });
  };
  return Spool.open({
    dir: join(dataPath, "objects"),
    quotaBytes,
    clock,
    bootId: bootId(),
    log,
    onLost: tell,
  });
}
