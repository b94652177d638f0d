import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "@nats-io/transport-node";
import { silentLog } from "../log.ts";
import { createScratch } from "../test-scratch.ts";
import { findNatsServer } from "./find-server.ts";
import { flowOf } from "./flow.ts";
import { startNatsServer } from "./server-process.ts";

const scratch = createScratch();

test("a paused connection hears nothing until it is resumed", async (t) => {
  const { path } = await findNatsServer();
  const config = (ports: { client: number }): string => `listen: "127.0.0.1:${ports.client}"\n`;
  const server = await startNatsServer({ path, dir: await scratch(), name: "flow", config, log: silentLog });
  t.after(() => server.stop());
  const reader = await connect({ servers: server.url });
  t.after(() => reader.close());
  const writer = await connect({ servers: server.url });
  t.after(() => writer.close());
  let heard = 0;
  const all = Promise.withResolvers<void>();
  reader.subscribe("x", {
    callback: () => {
      if (++heard === 10) all.resolve();
    },
  });
  await reader.flush();
  const flow = flowOf(reader);
  flow.pause();
  for (let n = 0; n < 10; n++) writer.publish("x");
  await writer.flush();
  // What was sent by now would be there with the answer to another connection's question.
  await writer.flush();
  assert.equal(heard, 0);
  flow.resume();
  await all.promise;
});
