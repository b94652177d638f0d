/** The enrolment of a node without the rest of the node: its keys, its bus, and the link. */
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startBus } from "./bus/bus.ts";
import { Enrolment } from "./enrol/enrolment.ts";
import { openIdentity } from "./identity/identity.ts";
import { silentLog } from "./log.ts";
import { findNatsServer } from "./nats/find-server.ts";
import { testClock } from "./test-node.ts";

/** Runs until the node has enrolled and its own link is up; the public key that it links with. */
export async function enrolAlone(targetPath: string, node: string, leafUrl: string): Promise<string> {
  const dataPath = join(dirname(targetPath), "data");
  const identity = await openIdentity({ dir: join(dataPath, "keys"), log: silentLog });
  const dir = join(dataPath, "bus");
  await mkdir(dir, { recursive: true });
  const { path: natsServerPath } = await findNatsServer();
  const remote = { urls: [leafUrl], reconnectMs: 150 };
  await using bus = await startBus({ node, dir, natsServerPath, plugins: [], link: remote, log: silentLog });
  const ending = new AbortController();
  const set = async (credentialsFile: string) => {
    await bus.setLink(undefined);
    await bus.setLink({ ...remote, credentialsFile });
  };
  const link = {
    dialWithToken: set,
    dial: set,
    hangUp: () => bus.setLink(undefined),
    redial: bus.bounceLink,
  };
  const enrolment = new Enrolment({
    ...{ node, dataPath, targetPath, identity, bus, link, log: silentLog, signal: ending.signal },
    check: async () => [],
    clock: { ...testClock, notBefore: async () => undefined },
    env: {},
  });
  while (enrolment.status().state !== "enrolled" || !(await bus.leafState()).connected) await sleep(5);
  ending.abort();
  await enrolment.done;
  return identity.keys.link;
}
