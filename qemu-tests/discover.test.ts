import assert from "node:assert/strict";
import { parse } from "yaml";
import { guestNames } from "./kit/devices/guest-names.ts";
import { i2cBus } from "./kit/devices/i2c/attachment.ts";
import { serialPort } from "./kit/devices/serial/attachment.ts";
import { Board, Hub } from "./kit/index.ts";
import { fastest, onEachBoard } from "./machines.ts";

interface Line {
  driver: string;
  summary?: string;
}

/** On imx8mp-evk it takes almost three minutes: `npm run qemu:imx8mp`, last passed on 2026-11-30. */
onEachBoard(
  "`umec discover` finds what the board carries, and what it writes runs",
  async (machine) => {
    const i2c = i2cBus({ chips: { t0: { model: "tmp105" } } });
    await i2c.chips.t0.set({ celsius: 21.5 });
    await using hub = await Hub.start({ nodes: ["lamp-0042"] });
    await using board = await Board.boot({
      machine,
      hub,
      node: "lamp-0042",
      target: { plugins: { self: { driver: "system" } } },
      devices: [i2c, serialPort({ units: {} })],
      debugShell: true,
    });
    await hub.sample({ node: "lamp-0042", plugin: "self", timeoutMs: 180_000 });
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
      node: "lamp-0042",
      plugin: Object.keys(parse(chips.output).plugins)[0]!,
      where: ({ value, unit }) => unit === "Cel" && value === 21.5,
      timeoutMs: 60_000,
    });
  },
  fastest,
);
