import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { LineConfig } from "./port.ts";
import { createSysfs, type GpioClass } from "./sysfs.ts";

const config: LineConfig = {
  direction: "in",
  activeLow: true,
  bias: "as-is",
  drive: "push-pull",
  edge: "both",
  debounceMs: 5,
};

/** The folder as the kernel makes it, and onoff's class without its own path, which is fixed. */
async function kernel(refuse?: string) {
  const root = await mkdtemp(join(tmpdir(), "gpio-"));
  await mkdir(join(root, "gpiochip512"));
  for (const [file, text] of Object.entries({ base: "512\n", label: "pl061\n", ngpio: "8\n" })) {
    await writeFile(join(root, "gpiochip512", file), text);
  }
  const made: unknown[][] = [];
  const released: number[] = [];
  const listeners: ((error: Error | null, value: 0 | 1) => void)[] = [];
  const Gpio = class {
    readonly #number: number;
    #value = 1;
    constructor(...args: unknown[]) {
      if (refuse && made.length === 1) throw Object.assign(new Error(refuse), { code: refuse });
      made.push(args);
      this.#number = args[0] as number;
    }
    readSync = () => this.#value;
    writeSync(value: 0 | 1): void {
      this.#value = value;
    }
    watch = (listener: (typeof listeners)[number]) => void listeners.push(listener);
    unexport = () => void released.push(this.#number);
  } as unknown as GpioClass;
  const port = createSysfs(async () => Gpio, root);
  const [chip] = (await port.chips()).chips;
  return {
    port,
    chip: chip!,
    made,
    released,
    listeners,
    [Symbol.asyncDispose]: () => rm(root, { recursive: true }),
  };
}

test("chips, and inputs with edges that have the time of reading", async () => {
  await using it = await kernel();
  assert.deepEqual(it.chip, { name: "gpiochip512", label: "pl061", lines: 8 });
  const seen: unknown[] = [];
  const held = await it.port.request({
    chip: it.chip,
    offsets: [1, 3],
    config,
    onEdges: (edges) => seen.push(...edges.map(({ offset, rising, lost }) => [offset, rising, lost])),
  });
  assert.deepEqual(it.made, [
    [513, "in", "both", { activeLow: true, debounceTimeout: 5 }],
    [515, "in", "both", { activeLow: true, debounceTimeout: 5 }],
  ]);
  it.listeners[1]!(null, 1);
  it.listeners[0]!(null, 0);
  assert.deepEqual(seen, [
    [3, true, 0],
    [1, false, 0],
  ]);
  held.close();
  held.close();
  assert.deepEqual(it.released, [513, 515]);
});

test("an output that is active low begins with the pin's other level", async () => {
  await using it = await kernel();
  const out = { ...config, direction: "out" } as const;
  const held = await it.port.request({ chip: it.chip, offsets: [2], config: out, values: [false] });
  assert.deepEqual(it.made, [[514, "high", "none", { activeLow: true }]]);
  held.write(2, false);
  assert.deepEqual(held.read(), [false]);
});

test("a line that is taken gives back those before it", async () => {
  await using it = await kernel("EBUSY");
  const taken = it.port.request({ chip: it.chip, offsets: [0, 1], config });
  await assert.rejects(taken, { code: "GPIO_BUSY", message: /gpiochip512:1/ });
  assert.deepEqual(it.released, [512]);
});

test("what it can't do is refused before any line is touched", async () => {
  await using it = await kernel();
  const request = { chip: it.chip, offsets: [0], config: { ...config, bias: "pull-up" } as const };
  await assert.rejects(it.port.request(request), { code: "GPIO_UNSUPPORTED" });
  assert.deepEqual(it.made, []);
});
