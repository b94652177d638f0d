/** The outbox's thread: a keeper that answers calls one after another. Started by `thread-port.ts`. */
import { parentPort, workerData } from "node:worker_threads";
import { bootId, monotonicMs } from "../boot.ts";
import { isUmecError, messageOf } from "../errors.ts";
import { Keeper } from "./keeper.ts";
import { packRows, transferables, unpackRows } from "./packing.ts";
import type { Call, Reply, ThreadData } from "./thread-port.ts";

if (!parentPort) throw new Error("thread.ts runs as a worker thread");
const port = parentPort;
const { options } = workerData as ThreadData;
const keeper = new Keeper({ bootId: bootId(), monotonicMs, ...options });

port.on("message", (call: Call) => {
  let reply: Reply;
  const transfer: ArrayBuffer[] = [];
  try {
    const value = answer(call, transfer);
    const reset = keeper.takeReset();
    reply = { id: call.id, value, ...(reset && { reset }) };
  } catch (error) {
    const code = isUmecError(error) ? error.code : "OUTBOX_FAILED";
    const hint = isUmecError(error) ? error.hint : undefined;
    const reset = keeper.takeReset();
    reply = { id: call.id, error: { code, message: messageOf(error), hint }, ...(reset && { reset }) };
  }
  port.postMessage(reply, transfer);
  if (call.method === "close") port.close();
});

function answer(call: Call, transfer: ArrayBuffer[]): unknown {
  switch (call.method) {
    case "open":
      return keeper.open();
    case "ensureChain":
      return { ...keeper.ensureChain(...call.args) };
    case "commit": {
      const [packed, erasures, held] = call.args;
      const { rows, ...rest } = keeper.commit({ rows: unpackRows(packed), erasures, held });
      const numbered = packRows(rows, false);
      transfer.push(...transferables(numbered));
      return { ...rest, numbered };
    }
    case "read": {
      const packed = packRows(keeper.read(...call.args), true);
      transfer.push(...transferables(packed));
      return packed;
    }
    case "verify":
      return keeper.verify(...call.args);
    case "markSent":
      return keeper.markSent(...call.args);
    case "setQuota":
      return keeper.setQuota(...call.args);
    case "disown":
      return keeper.disown();
    case "fence":
      return keeper.fence(...call.args);
    case "giveUp":
      return keeper.giveUp(...call.args);
    case "setClock":
      return keeper.setClock(...call.args);
    case "close":
      return keeper.close();
  }
}
