import assert from "node:assert/strict";
import { before, test } from "node:test";
import { createScratch } from "../../runtime/test-scratch.ts";
import {
  afterDamage,
  type BootState,
  encodeBootState,
  goodTries,
  nextStart,
  readBootState,
} from "../boot-state.ts";
import { pathFrom } from "../tool.ts";
import { encodeEnvironment } from "../uboot-env.ts";
import { createMachine, type Machine, resettingKernel } from "./test-machine.ts";

const scratch = createScratch();
let machine: Machine;
/** Its kernel starts, and is gone at once. */
let flickering: Machine;
before(async () => {
  const flash = await pathFrom("image/boards/virt/flash.sh", []);
  machine = await createMachine(await scratch(), flash);
  flickering = await createMachine(await scratch(), flash, resettingKernel());
});

const state = (order: string, a: number, b: number, good?: BootState["good"]): BootState => ({
  order: order.split(" ").filter((name) => name !== ""),
  left: { A: a, B: b },
  ...(good && { good }),
});
const file = (...args: Parameters<typeof state>) => encodeBootState(state(...args));

/** Starts with these two files, and holds what U-Boot did against what `nextStart` says that it must do. */
async function startWith(env: Buffer | undefined, bak: Buffer | undefined): Promise<string[]> {
  await machine.put("boot", "slots.env", env);
  await machine.put("boot", "slots.bak", bak);
  const said = await machine.start();
  const { state: found, from } = readBootState({ env, bak });
  const expected = nextStart(found);
  assert.match(said[1]!, new RegExp(`^state from ${from}: `));
  const slot = said.find((line) => /^slot . does not start$/.test(line));
  assert.equal(slot?.[5], expected.slot);
  const after = expected.slot && afterDamage(expected.state, expected.slot);
  const written = encodeBootState(after ?? expected.state);
  assert.deepEqual(await machine.get("boot", "slots.env"), written);
  assert.deepEqual(await machine.get("boot", "slots.bak"), written);
  return said;
}

const torn = file("B A", 3, 2).subarray(0, 512);
const mixed = Buffer.concat([file("A B", 3, 3).subarray(0, 2048), Buffer.alloc(0x3800, "x")]);
const garbage = Buffer.alloc(0x4000, 0xff);
const wrongSum = Buffer.from(file("B A", 3, 3));
wrongSum[0]! ^= 1;
const long = Buffer.concat([file("B A", 3, 3), Buffer.alloc(20_000, "x")]);
const damaged = {
  missing: undefined,
  empty: Buffer.alloc(0),
  torn,
  mixed,
  garbage,
  "wrong sum": wrongSum,
  long,
};

for (const [what, env] of Object.entries(damaged)) {
  test(`slots.env is ${what}: slots.bak counts`, async () => {
    await startWith(env, file("B A", 1, 2));
  });
}

test("both files are damaged: slot A starts, with three tries", async () => {
  await startWith(undefined, undefined);
  await startWith(torn, garbage);
  await startWith(wrongSum, long);
});

test("a slot has three tries, then the other one, then both have three again", async () => {
  await machine.put("boot", "slots.env", undefined);
  await machine.put("boot", "slots.bak", undefined);
  const slots: string[] = [];
  for (let start = 0; start < 8; start++) {
    const said = await machine.start();
    slots.push(said.find((line) => /^slot ., left/.test(line)) ?? said[2]!);
  }
  assert.deepEqual(slots, [
    "slot A, left A 2 B 3",
    "slot A, left A 1 B 3",
    "slot A, left A 0 B 3",
    "slot B, left A 0 B 2",
    "slot B, left A 0 B 1",
    "slot B, left A 0 B 0",
    "no slot has tries left, both get 3",
    "slot A, left A 2 B 3",
  ]);
});

test("what was marked good is carried along, also when slots.env is torn", async () => {
  const good = { A: "0123456789abcdef", B: "fedcba9876543210" };
  await startWith(file("A B", 0x40, 3, good), undefined);
  await startWith(torn, file("B A", 0x10, 0xa, good));
  await startWith(file("B A", 0x10, 0, { A: good.A }), undefined);
});

test("a good slot whose files are damaged has two tries left, not many", async () => {
  await startWith(file("A B", goodTries, 3), undefined);
  const { state: found } = readBootState({ env: await machine.get("boot", "slots.env"), bak: undefined });
  assert.deepEqual(found.left, { A: 2, B: 3 });
});

test("50 power cycles, each before anything came up, leave a good slot first and both bootable", {
  timeout: 600_000,
}, async () => {
  const good = { A: "0123456789abcdef" };
  await flickering.put("boot", "slots.env", file("A B", goodTries, 3, good));
  for (let cycle = 1; cycle <= 50; cycle++) {
    const said = await flickering.start();
    assert.ok(said.includes(`slot A, left A ${(goodTries - cycle).toString(16)} B 3`), said.join("\n"));
    assert.equal(said.at(-1), "starting");
  }
  const env = await flickering.get("boot", "slots.env");
  assert.deepEqual(env, file("A B", goodTries - 50, 3, good));
  assert.deepEqual(await flickering.get("boot", "slots.bak"), env);
});

test("a slot that is tried has three starts, and then the good one has its many", async () => {
  const good = { A: "0123456789abcdef" };
  await flickering.put("boot", "slots.env", file("B A", goodTries, 3, good));
  const slots: string[] = [];
  for (let start = 0; start < 5; start++) {
    const said = await flickering.start();
    slots.push(said.find((line) => /^slot ., left/.test(line))!);
  }
  assert.deepEqual(slots, [
    "slot B, left A 40 B 2",
    "slot B, left A 40 B 1",
    "slot B, left A 40 B 0",
    "slot A, left A 3f B 0",
    "slot A, left A 3e B 0",
  ]);
});

test("odd but whole files lead somewhere", async () => {
  await startWith(file("B", 3, 1), undefined);
  await startWith(file("B", 3, 0), undefined);
  await startWith(file("x y", 3, 3), undefined);
  await startWith(encodeEnvironment([["BOOT_ORDER", "B A"]]), undefined);
  await startWith(encodeEnvironment([["BOOT_A_LEFT", "-1"]]), undefined);
  await startWith(encodeEnvironment([["BOOT_A_LEFT", "c"]]), undefined);
  await startWith(
    encodeEnvironment([
      ["BOOT_B_LEFT", "none"],
      ["BOOT_ORDER", "B A"],
      ["bootcmd", "true"],
    ]),
    undefined,
  );
});

test("a card that can't be written to starts all the same", async () => {
  await machine.put("boot", "slots.env", file("B A", 0, 0));
  const said = await machine.start({ readOnlyDisk: true });
  assert.deepEqual(said.slice(-4), [
    "the boot partition is not writable, this try is not counted",
    "slot A, left A 3 B 3",
    "starting",
    "slot A does not start",
  ]);
  assert.deepEqual(await machine.get("boot", "slots.env"), file("B A", 0, 0));
});

for (const name of ["Image", "initrd", "slot.env"]) {
  test(`a slot whose ${name} is missing, cut off or changed does not start`, async () => {
    const whole = await machine.get("boot_a", name);
    assert.ok(whole);
    const changed = Buffer.from(whole);
    // In slot.env the first letter of args_a: it has no checksum of its own.
    changed[name === "slot.env" ? 0 : whole.length >> 1]! ^= 1;
    for (const content of [undefined, Buffer.alloc(0), whole.subarray(0, -4), changed]) {
      await machine.put("boot_a", name, content);
      const said = await startWith(file("A B", 3, 3), undefined);
      assert.ok(!said.includes("starting"), `${name} of ${content?.length} bytes`);
    }
    await machine.put("boot_a", name, whole);
    assert.ok((await startWith(file("A B", 3, 3), undefined)).includes("starting"));
  });
}
