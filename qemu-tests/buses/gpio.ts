import assert from "node:assert/strict";
import type { HubSample } from "../../runtime/hub/sample.ts";
import { gpioLines } from "../kit/devices/gpio/attachment.ts";
import { guestNames } from "../kit/devices/guest-names.ts";
import type { MachineName } from "../kit/devices/types.ts";
import { type BoardStory, node } from "../shared-board.ts";

/** On each of the lines. */
const rounds = 167;
const lines = { door: 5, gate: 1, flap: 4, lid: 7, hatch: 0, vent: 2 };
/** How far the guest's clock may be from ours. */
const clockMs = 1000;

/** Ends with a stop of the node. */
export function edgesAndOutput(machine: MachineName): BoardStory {
  const chip = guestNames[machine].gpioChip;
  const inputs = Object.fromEntries(
    Object.entries(lines).map(([name, offset]) => [name, { line: `${chip}:${offset}` }]),
  );
  const outputs = { siren: { line: `${chip}:6`, initial: true } };
  return {
    name: "a thousand edges from outside arrive in order with their times, and an output obeys",
    plugins: { io: { driver: "gpio", options: { inputs, outputs } } },
    devices: [gpioLines({ lines: { ...lines, siren: 6 } })],
    async tell({ board, hub }) {
      const siren = board.gpio("siren");
      const names = Object.keys(lines);
      const series = { node, plugin: "io" };
      for (const name of names) {
        assert.equal((await hub.sample({ ...series, name, timeoutMs: 180_000 })).value, false);
      }
      assert.equal(await siren.level(), 1, "initial is seen outside");

      // QEMU's controllers merge edges of a line that the guest's interrupt has not answered yet, so one of each line is
      // awaited at the hub. Each time lies between what was before the edge was driven and what was when it had arrived.
      const signal = AbortSignal.timeout(150_000);
      await using arrived = hub.follow({ ...series, storedFromMs: Date.now(), signal });
      const lastMs = new Map<string, number>();
      const startedMs = performance.now();
      for (let round = 0; round < rounds; round++) {
        const level = round % 2 === 0;
        const drivenMs = Date.now();
        for (const name of names) await board.gpio(name).drive(level ? 1 : 0);
        const missing = new Set(names);
        while (missing.size > 0) {
          const { value: sample, done } = await arrived.next();
          assert.ok(!done, `round ${round}: ${[...missing]} did not arrive at the hub`);
          assert.doesNotMatch(sample.name, /lost/, `round ${round}: ${sample.name}`);
          // The level before, or again, is the report that comes each minute.
          if (sample.value !== level || !missing.delete(sample.name)) continue;
          check(sample, { drivenMs, afterMs: lastMs.get(sample.name) ?? 0 });
          lastMs.set(sample.name, sample.timeMs);
        }
      }
      const tookMs = Math.round(performance.now() - startedMs);
      console.log(`${machine}: ${rounds * names.length} edges in ${tookMs} ms`);

      // A stop of the service is what an update or a command of the user does.
      const stopped = await board.sh("systemctl stop umec");
      assert.equal(stopped.status, 0, stopped.output);
      assert.equal(await siren.level(), 0, "safe at the stop");
    },
  };
}

function check(
  { name, quality, reason, timeMs }: HubSample,
  { drivenMs, afterMs }: { drivenMs: number; afterMs: number },
): void {
  assert.equal(quality, "good", `${name}: ${reason}`);
  assert.ok(timeMs > afterMs, `${name}: an edge is not after the one before`);
  const off = Math.max(drivenMs - timeMs, timeMs - Date.now());
  assert.ok(off < clockMs, `${name}: an edge is ${off} ms outside the time in which it was`);
}
