import { DeliverPolicy, jetstream, type StoredMsg } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import { UmecError } from "../../runtime/errors.ts";
import { isMalformed, recordsOf, toFrame } from "../../runtime/hub/frames.ts";
import { isGapRecord } from "../../runtime/hub/gap.ts";
import { type HubSample, toSample } from "../../runtime/hub/sample.ts";
import type { Lane } from "../../runtime/plugin/contract.ts";
import { chainSubject, streamName } from "../../runtime/subjects.ts";

export interface SampleQuery {
  node: string;
  plugin: string;
  /** Just this path below the plugin, `device/quantity`. @default all */
  name?: string;
  /** @default "telemetry" */
  lane?: Lane;
  /** Leaves out what the hub stored before, Unix milliseconds by this machine's clock. @default 0 */
  storedFromMs?: number;
  signal?: AbortSignal;
}

/**
 * One lane of one plugin in the order in which the hub stores it, live and backlog mixed: what is there, and then
 * what comes. Ends with the signal.
 *
 * @throws UmecError `HUB_MALFORMED` for a message that is no frame: on a chain there must be none
 */
export async function* followSamples(nc: NatsConnection, query: SampleQuery): AsyncGenerator<HubSample> {
  const { node, plugin, name, lane = "telemetry", storedFromMs = 0, signal } = query;
  if (signal?.aborted) return;
  const consumer = await jetstream(nc).consumers.get(streamName, {
    filter_subjects: [false, true].map((backlog) => chainSubject({ node, plugin, lane, backlog })),
    deliver_policy: DeliverPolicy.All,
  });
  const messages = await consumer.consume();
  const stop = () => messages.stop();
  signal?.addEventListener("abort", stop, { once: true });
  if (signal?.aborted) stop();
  try {
    for await (const { subject, seq, headers: header, data, timestamp } of messages) {
      const frame = toFrame({ subject, seq, header, data, timestamp } as StoredMsg);
      const records = isMalformed(frame) ? frame : recordsOf(frame);
      if (isMalformed(frame) || !Array.isArray(records)) {
        const { reason } = records as { reason: string };
        throw new UmecError("HUB_MALFORMED", `message ${seq} on ${subject} is no frame: ${reason}`);
      }
      if (frame.storedAtMs < storedFromMs) continue;
      for (const record of records) {
        if (isGapRecord(record)) continue;
        const sample = toSample(record, frame);
        if (name === undefined || sample.name === name) yield sample;
      }
    }
  } finally {
    signal?.removeEventListener("abort", stop);
    await messages.close();
  }
}
