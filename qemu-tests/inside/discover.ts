import assert from "node:assert/strict";
import { parse } from "yaml";
import { guestNames } from "../kit/devices/guest-names.ts";
import { i2cBus } from "../kit/devices/i2c/attachment.ts";
import type { MachineName } from "../kit/devices/types.ts";
import { type BoardStory, node } from "../shared-board.ts";

interface Line {
  driver: string;
  summary?: string;
}

/** Ends with another node.yaml. */
export async function discovered(machine: MachineName): Promise<BoardStory> {
  const i2c = i2cBus({ chips: { t0: { model: "tmp105" } } });
  await i2c.chips.t0.set({ celsius: 21.5 });
  return {
    name: "`umec discover` finds what the board carries, and what it writes runs",
    plugins: {},
    devices: [i2c],
    async tell({ board, hub }) {
      const { output, status } = await board.sh("umec discover --json --timeout 2m 2>/tmp/said", {
        timeoutMs: 300_000,
      });
      assert.equal(status, 0, output);
      const found = output.split("\n").map((line) => JSON.parse(line) as Line);
      const summaries = (driver: string) =>
        found.filter((one) => one.driver === driver).map(({ summary }) => summary ?? "");
      const { i2c: bus, serial, gpioChip } = guestNames[machine];
      const has = (driver: string, ...words: string[]) =>
        assert.ok(
          summaries(driver).some((text) => words.every((word) => text.includes(word))),
          `${driver} does not tell ${words.join(" ")} in\n${output}`,
        );
      has("i2c", bus.replace("/dev/", ""), "0x48");
      has("gpio", gpioChip.replace("/dev/", ""));
      has("serial", serial);

      // The node takes what is written for its file, and reads the chip that nobody has named to it.
      const file = "/data/umec/node.yaml";
      const chips = await board.sh(`umec discover i2c --at ${bus} --yaml --timeout 2m 2>/dev/null`, {
        timeoutMs: 300_000,
      });
      const target = parse((await board.sh(`cat ${file}`)).output);
      Object.assign(target.plugins, parse(chips.output).plugins);
      await board.sh(`cat >${file} <<'end'\n${JSON.stringify(target)}\nend`);
      await hub.sample({
        node,
        plugin: Object.keys(parse(chips.output).plugins)[0]!,
        where: ({ value, unit }) => unit === "Cel" && value === 21.5,
        timeoutMs: 60_000,
      });
    },
  };
}
