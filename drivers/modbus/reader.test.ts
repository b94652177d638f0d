import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { UmecError } from "../../runtime/plugin/sdk.ts";
import { ModbusException } from "./errors.ts";
import { decodeRead, encodeRead } from "./pdu.ts";
import type { Item, Read } from "./plan.ts";
import { createReader, type Reader } from "./reader.ts";
import { answer, createMemory, type Memory } from "./simulator.ts";

interface Bench {
  reader: Reader<Item>;
  /** One poll; gives what was read, by item. */
  poll(window?: number): Promise<Map<Item, string>>;
  /** Ranges asked for in the last poll. */
  asked: string[];
  refused: Item[];
  clock: { nowMs: number };
}

function bench(
  memory: Memory,
  items: Item[],
  { maxCount = 125, requestCost = 32, deviceMax = 125 } = {},
): Bench {
  const values = new Map<Item, string>();
  const asked: string[] = [];
  const refused: Item[] = [];
  const clock = { nowMs: 0 };
  const reader = createReader<Item>({
    items,
    limits: () => ({ maxCount, requestCost }),
    nowMs: () => clock.nowMs,
    retryRefusedMs: 1000,
    onData: (item, data, index) => {
      const bits = item.table === "coil" || item.table === "discrete";
      const value = bits
        ? String((data[index >> 3]! >> (index & 7)) & 1)
        : data.toString("hex", index * 2, (index + item.width) * 2);
      values.set(item, value);
    },
    onRefused: (item) => refused.push(item),
    onFailed: () => {},
  });
  const ask = async ({ table, address, count }: Read): Promise<Buffer> => {
    asked.push(`${table} ${address}+${count}`);
    assert.ok(count <= maxCount);
    const request = encodeRead(table, address, count);
    if (count > deviceMax) throw new ModbusException(request[0]!, 3);
    return decodeRead(request, answer(memory, request)!);
  };
  return {
    reader,
    asked,
    refused,
    clock,
    async poll(window) {
      values.clear();
      asked.length = 0;
      await reader.poll(ask, window);
      return new Map(values);
    },
  };
}

const item = (address: number, width = 1): Item => ({ table: "holding", address, width });

test("one missing register between two values costs nothing but a second request", async () => {
  const items = [item(0, 2), item(4)];
  const memory = createMemory({ holding: { 0: 1, 1: 2, 4: 5 } });
  const { poll, asked, refused } = bench(memory, items);
  assert.equal((await poll()).size, 2);
  assert.deepEqual(asked, ["holding 0+5", "holding 0+2", "holding 4+1"]);
  assert.equal((await poll()).size, 2);
  assert.deepEqual(asked, ["holding 0+2", "holding 4+1"]);
  assert.deepEqual(refused, []);
});

test("a missing value does not blind its neighbours, is told once and asked for rarely", async () => {
  const items = [item(0), item(1), item(2)];
  const memory = createMemory({ holding: { 0: 1, 2: 3 } });
  const { poll, asked, refused, clock } = bench(memory, items);
  assert.deepEqual([...(await poll()).keys()], [items[0], items[2]]);
  assert.deepEqual(refused, [items[1]]);

  clock.nowMs = 999;
  await poll();
  assert.deepEqual(asked, ["holding 0+1", "holding 2+1"]);

  clock.nowMs = 1000;
  await poll();
  assert.deepEqual(asked, ["holding 0+1", "holding 2+1", "holding 1+1"]);
  assert.deepEqual(refused, [items[1]]);

  memory.set("holding", 1, 7);
  clock.nowMs = 1999;
  assert.equal((await poll()).size, 2);
  clock.nowMs = 2000;
  assert.equal((await poll()).get(items[1]!), "0007");
  assert.equal((await poll()).size, 3);
});

test("a device that takes fewer registers than the standard allows is read all the same", async () => {
  const items = Array.from({ length: 40 }, (_, i) => item(i));
  const memory = createMemory();
  memory.set("holding", 0, ...items.map((_, i) => i));
  const { poll, refused } = bench(memory, items, { deviceMax: 16 });
  assert.equal((await poll()).size, 40);
  assert.deepEqual(refused, []);
});

test("silence ends the poll with what was read", async () => {
  const items = [item(0), item(1000), item(2000)];
  const seen: Item[] = [];
  let asked = 0;
  const reader = createReader<Item>({
    items,
    limits: () => ({ maxCount: 125, requestCost: 32 }),
    nowMs: () => 0,
    onData: (which) => seen.push(which),
    onRefused: () => assert.fail(),
    onFailed: () => assert.fail(),
  });
  await assert.rejects(
    reader.poll(async ({ count }) => {
      if (++asked === 2) throw new UmecError("MODBUS_TIMEOUT", "silent");
      return Buffer.alloc(count * 2);
    }),
    { code: "MODBUS_TIMEOUT" },
  );
  assert.equal(asked, 2);
  assert.deepEqual(seen, [items[0]]);
});

test("any map over any holes reads what one-by-one reads would", async () => {
  const tables = fc.constantFrom("holding" as const, "input" as const, "coil" as const, "discrete" as const);
  const anyItem = fc
    .record({ table: tables, address: fc.nat(120), width: fc.constantFrom(1, 1, 2, 4) })
    .map(
      (drawn): Item =>
        drawn.table === "holding" || drawn.table === "input" ? drawn : { ...drawn, width: 1 },
    );
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyItem, { minLength: 1, maxLength: 30 }),
      fc.array(fc.tuple(tables, fc.nat(124)), { maxLength: 10 }),
      fc.integer({ min: 4, max: 125 }),
      fc.integer({ min: 4, max: 125 }),
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 1, max: 3 }),
      async (items, holes, maxCount, deviceMax, requestCost, window) => {
        const memory = createMemory();
        for (const table of ["holding", "input", "coil", "discrete"] as const) {
          const isBits = table === "coil" || table === "discrete";
          for (let i = 0; i < 128; i++) memory.set(table, i, isBits ? ((i * 7) % 3) & 1 : i * 257);
        }
        for (const [table, address] of holes) memory.remove(table, address);

        const expected = new Map<Item, string>();
        for (const one of items) {
          const { poll } = bench(memory, [one]);
          const value = (await poll()).get(one);
          if (value !== undefined) expected.set(one, value);
        }
        const { poll, refused, reader } = bench(memory, items, { maxCount, deviceMax, requestCost });
        const sorted = (values: Map<Item, string>): string[] =>
          [...values].map(([{ table, address, width }, v]) => `${table} ${address} ${width} ${v}`).sort();
        for (let poll_ = 0; poll_ < 3; poll_++) {
          assert.deepEqual(sorted(await poll(window)), sorted(expected));
          assert.equal(refused.length, items.length - expected.size);
        }
        assert.ok(reader.reads.length <= items.length);
      },
    ),
    { numRuns: 150 },
  );
});
