/** `make qemu`: the image on an emulated board, a sensor to play with, a shell and a live view. */
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { isUmecError, messageOf } from "../runtime/errors.ts";
import { guestNames } from "./kit/devices/guest-names.ts";
import { i2cBus } from "./kit/devices/i2c/attachment.ts";
import type { MachineName } from "./kit/devices/types.ts";
import { Board, Hub } from "./kit/index.ts";

const node = "lamp-0042";
const usage = `usage: node qemu-tests/play.ts [virt|imx8mp-evk]

Boots the newest image in dist/ with a temperature sensor (TMP105) on its I2C bus and a hub outside, and shows what the
hub stores. Commands:

  set 21.5         the temperature, in °C
  cut, restore     the network cable
  off, on          the power, without a warning
  ! <command>      a command in the node's shell, as root: ! umec status --data /data/umec/data
  help, quit
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { help: { type: "boolean", short: "h", default: false } },
});
const machine = (positionals[0] ?? "virt") as MachineName;
if (values.help) process.stdout.write(usage);
else if (!["virt", "imx8mp-evk"].includes(machine)) {
  process.stderr.write(`play: ${machine}: the boards are virt and imx8mp-evk\n\n${usage}`);
  process.exitCode = 2;
} else {
  const ending = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => ending.abort());
  try {
    await play(ending.signal);
  } catch (error) {
    if (!ending.signal.aborted) {
      process.stderr.write(`play: ${messageOf(error)}\n`);
      if (isUmecError(error) && error.hint) process.stderr.write(`hint: ${error.hint}\n`);
      process.exitCode = 1;
    }
  }
}

async function play(signal: AbortSignal): Promise<void> {
  const i2c = i2cBus({ chips: { t0: { model: "tmp105" } } });
  await i2c.chips.t0.set({ celsius: 21.5 });
  const options = { bus: guestNames[machine].i2c, devices: { t0: { type: "tmp105", address: 0x48 } } };
  console.log(`starting a hub, and ${node} on an emulated ${machine}; the first sample takes half a minute`);
  await using hub = await Hub.start({ nodes: [node], signal });
  await using board = await Board.boot({
    machine,
    hub,
    node,
    target: { plugins: { air: { driver: "i2c", options } } },
    devices: [i2c],
    debugShell: true,
    signal,
  });
  console.log(`console: ${board.console.path}\nhelp shows the commands`);
  board.on("reboot", () => console.log("the board restarts"));
  board.on("off", () => console.log("the board has switched itself off"));
  const view = new AbortController();
  const shown = show(hub, AbortSignal.any([signal, view.signal]));
  const input = createInterface({ input: process.stdin, output: process.stdout, prompt: "> " });
  signal.addEventListener("abort", () => input.close(), { once: true });
  input.on("SIGINT", () => input.close());
  input.prompt();
  for await (const line of input) {
    if (line.trim() === "quit") break;
    try {
      await obey(line.trim(), board);
    } catch (error) {
      console.log(messageOf(error));
    }
    input.prompt();
  }
  input.close();
  view.abort();
  await shown;
}

/** A line for each value that differs from the one before. */
async function show(hub: Hub, signal: AbortSignal): Promise<void> {
  let last: unknown;
  for await (const { name, value, unit, timeMs, storedAtMs, backlog } of hub.follow({
    node,
    plugin: "air",
    signal,
  })) {
    if (value === last) continue;
    last = value;
    const late = backlog ? ", waited out an outage" : "";
    const way = `${(storedAtMs - timeMs).toFixed(0)} ms later`;
    console.log(
      `${new Date(timeMs).toISOString()}  ${name} ${value} ${unit ?? ""}  (at the hub ${way}${late})`,
    );
  }
}

async function obey(line: string, board: Board): Promise<void> {
  const [word = "", ...rest] = line.split(/\s+/);
  if (word === "") return;
  if (word === "set") {
    await board.i2c("t0").set({ celsius: Number(rest[0]) });
  } else if (word === "cut") await board.network.cut();
  else if (word === "restore") await board.network.restore();
  else if (word === "off") await board.powerCut();
  else if (word === "on") await board.powerOn();
  else if (line.startsWith("!")) {
    const { output, status } = await board.sh(line.slice(1).trim());
    console.log(status === 0 ? output : `${output}\n(status ${status})`);
  } else if (word === "help") process.stdout.write(usage.slice(usage.indexOf("Commands:")));
  else console.log(`${word}: help shows the commands`);
}
