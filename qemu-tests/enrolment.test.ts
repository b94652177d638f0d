import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import type { NodeStatus } from "../runtime/status.ts";
import { createCounter } from "./counter.ts";
import type { MachineName } from "./kit/devices/types.ts";
import { Board, Hub } from "./kit/index.ts";
import { seededRandom } from "./kit/random.ts";
import { fastest, onEachBoard } from "./machines.ts";

/** Two for each card. */
const cuts = Number(process.env.UMEC_POWER_CUTS ?? 2);
/** In this time a board comes up and enrols on a quiet machine. */
const longestMs = 14_000;
/** From the hub's decision until the node is done with it. */
const decisionMs = 400;

onEachBoard(
  "power cuts while cards with tokens become nodes: each enrols once and signs; a second board with the token is refused",
  async (machine) => {
    const random = seededRandom(42);
    await using hub = await Hub.start({ nodes: [] });
    for (let number = 1; number <= cuts / 2; number++) {
      const node = `lamp-${number}`;
      const card = { machine, hub, node, token: await hub.token(node) };
      await enrolThroughCuts(card, random);
      if (number === 1) await isRefused(card);
    }
  },
  fastest,
  900_000 + cuts * 60_000,
);

interface Card {
  machine: MachineName;
  hub: Hub;
  node: string;
  token: string;
}

async function enrolThroughCuts(card: Card, random: () => number): Promise<void> {
  const { machine, hub, node } = card;
  const counter = createCounter(machine);
  const decided = hub.enrols(node, AbortSignal.timeout(300_000));
  const target = { plugins: counter.plugins };
  await using board = await Board.boot({ ...card, target, devices: [counter.line] });
  const cut = async () => {
    counter.cut();
    await board.powerCut();
    await board.powerOn();
  };
  // Once anywhere before it has enrolled.
  await Promise.race([delay(random() * longestMs), decided]);
  await cut();
  // Once when the hub has decided: the node may have the answer or not, and be done with it or not.
  await decided;
  const { keys } = (await hub.record(node))!;
  await delay(random() * decisionMs);
  await cut();

  const series = { node, plugin: "line", name: "counter/count" };
  const before = counter.count;
  const where = ({ value }: { value: unknown }) => Number(value) > before;
  await hub.sample({ ...series, where, timeoutMs: 180_000 });
  const standings = new Set((await hub.samples(series)).map(({ signed }) => signed));
  assert.deepEqual([...standings], ["verified"]);
  const record = await hub.record(node);
  assert.deepEqual([record?.state, record?.keys, record?.former], ["enrolled", keys, []], "not once");
  await counter.verify(hub, series);
}

/** The same card once more, in another board: it says that it is refused. */
async function isRefused(card: Card): Promise<void> {
  const { hub, node } = card;
  const record = await hub.record(node);
  await using second = await Board.boot({ ...card, debugShell: true });
  await second.console.expect("the booted slot is good", { timeoutMs: 300_000 });
  const sh = async (command: string) => (await second.sh(command, { timeoutMs: 300_000 })).output;
  const said = await sh("journalctl --no-pager -o cat -n all -f -u umec | grep -m 1 'is not enrolled'");
  assert.match(said, /the node is not enrolled: the token was used at .* by a board with other keys/);
  const { enrolment }: NodeStatus = JSON.parse(await sh("umec status /data/umec/node.yaml --json"));
  assert.equal(enrolment?.state, "refused");
  assert.match(
    await sh("umec status /data/umec/node.yaml"),
    /^enrolment +REFUSED for .*: the token was used/m,
  );
  assert.deepEqual(await hub.record(node), record);
  // Its own key is nowhere on the card but in the seed's file.
  assert.equal(await sh("find /data/umec -name '*.creds'; ls /run/umec-control/link"), "");
}
