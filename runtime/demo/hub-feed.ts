import { DeliverPolicy, jetstream } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { gapName } from "../frame.ts";
import { decodeCbor } from "../senml/cbor.ts";
import { streamName } from "../subjects.ts";

/**
 * Follows what the hub stores of `node`; `onSample` gets each sample's own time in Unix milliseconds. It only
 * measures: what can't be read, or did not come because the hub has gone, is for others to find.
 */
export async function followHub(
  fleet: NatsConnection,
  node: string,
  onSample: (takenMs: number) => void,
): Promise<AsyncDisposable> {
  const consumer = await jetstream(fleet).consumers.get(streamName, {
    filter_subjects: `umec.${node}.>`,
    deliver_policy: DeliverPolicy.All,
  });
  const messages = await consumer.consume();
  const done = (async () => {
    for await (const { data } of messages) {
      for (const { n, t } of decodeCbor(data)) {
        if (t !== undefined && !n.endsWith(`/${gapName}`)) onSample(t * 1000);
      }
    }
  })().catch(() => undefined);
  return {
    async [Symbol.asyncDispose]() {
      await messages.close();
      await done;
    },
  };
}
