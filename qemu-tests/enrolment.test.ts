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
  "power cuts while cards with tokens become nodes: each enrols once and signs what it sends",
  async (machine) => {
    const random = seededRandom(42);
    await using hub = await Hub.start({ nodes: [] });
    for (let card = 1; card <= cuts / 2; card++) await enrolThroughCuts(machine, hub, `lamp-${card}`, random);
  },
  fastest,
  900_000 + cuts * 60_000,
);

async function enrolThroughCuts(machine: MachineName, hub: Hub, node: string, random: () => number) {
  const counter = createCounter(machine);
  const token = await hub.token(node);
  const decided = hub.enrols(node, AbortSignal.timeout(300_000));
  const target = { plugins: counter.plugins };
  await using board = await Board.boot({ machine, hub, node, token, target, devices: [counter.line] });
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

onEachBoard(
  "a second board with the same token is refused, and says so",
  async (machine) => {
    await using hub = await Hub.start({ nodes: [] });
    const card = { machine, hub, node: "lamp-0042", token: await hub.token("lamp-0042"), debugShell: true };
    const decided = hub.enrols(card.node, AbortSignal.timeout(300_000));
    await using first = await Board.boot(card);
    await decided;
    const record = await hub.record(card.node);
    await first.powerCut();
    await using second = await Board.boot(card);
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
    assert.deepEqual(await hub.record(card.node), record);
    // Its own key is nowhere on the card but in the seed's file.
    assert.equal(await sh("find /data/umec -name '*.creds'; ls /run/umec-control/link"), "");
  },
  fastest,
);
