import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import { silentLog } from "../log.ts";
import { streamName } from "../subjects.ts";
import { readStored } from "./stored.ts";
import { provisionStream } from "./stream.ts";
import { publish, startTestServer, type TestServer } from "./test-hub.ts";

const filter = "umec.n1.p1.telemetry";
const count = 20;
let hub: TestServer;
let manager: JetStreamManager;
before(async () => {
  hub = await startTestServer();
  await provisionStream(hub.nc, { log: silentLog });
  manager = await jetstreamManager(hub.nc);
  for (let index = 1; index <= count; index++) await publish(hub.nc, filter, Buffer.from(`${index}`));
});
after(() => hub[Symbol.asyncDispose]());

type GetBatch = JetStreamManager["direct"]["getBatch"];
type BatchOptions = Parameters<GetBatch>[1];

/** The real server behind a connection or replica that misbehaves. */
function behind(getBatch: (options: BatchOptions) => ReturnType<GetBatch>): JetStreamManager {
  const direct = {
    getMessage: manager.direct.getMessage.bind(manager.direct),
    getBatch: (_stream: string, options: BatchOptions) => getBatch(options),
  };
  return { streams: manager.streams, direct } as unknown as JetStreamManager;
}

async function read(through: JetStreamManager): Promise<string[]> {
  const texts: string[] = [];
  for await (const message of readStored(through, { filter, lastSeq: count })) texts.push(message.string());
  return texts;
}

const all = Array.from({ length: count }, (_, index) => String(index + 1));

test("a replica that lags is asked again until it has what the leader has", async () => {
  const seen: number[] = [];
  const lagging = behind((options) => {
    seen.push(options.seq!);
    // At first it has 8 messages, later all.
    if (seen.length <= 3) {
      return manager.direct.getBatch(streamName, { ...options, ...upToEight(options.seq!) } as BatchOptions);
    }
    return manager.direct.getBatch(streamName, options);
  });
  assert.deepEqual(await read(lagging), all);
  assert.deepEqual(seen, [1, 9, 9, 9]);
});

test("a batch that lost a message on the way is taken up to there and asked for again", async () => {
  let batches = 0;
  const lossy = behind((options) => {
    batches++;
    const { callback } = options;
    return manager.direct.getBatch(streamName, {
      ...options,
      callback: (end, message) => {
        if (batches === 1 && !end && message.seq === 7) return;
        callback!(end, message);
      },
    });
  });
  assert.deepEqual(await read(lossy), all);
  assert.equal(batches, 2);
});

/** What a server answers that holds no message behind the eighth. */
function upToEight(seq: number): object {
  return seq <= 8 ? { batch: 8 - seq + 1 } : { seq: count + 1 };
}
