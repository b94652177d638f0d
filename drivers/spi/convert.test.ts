import assert from "node:assert/strict";
import { test } from "node:test";
import { checkSteps } from "./chips/generic.ts";
import { convert } from "./convert.ts";

test("steps are done in the order in which they stand", () => {
  assert.equal(convert(3), 3);
  assert.equal(convert(3, [{ add: 1 }, { multiply: 10 }]), 40);
  assert.equal(convert(3, [{ multiply: 10 }, { add: 1 }]), 31);
  assert.equal(convert(2301, [{ multiply: 0.1 }]), 230.1);
  assert.equal(convert(7, [{ divide: 4 }, { round: 1 }]), 1.8);
  assert.equal(convert(2, [{ polynomial: [1, 0, 3] }]), 13);
});

test("a table has straight lines between its pairs, and nothing beyond", () => {
  const table = [
    [0, 100],
    [10, 50],
    [20, -50],
  ];
  for (const [value, result] of [
    [0, 100],
    [5, 75],
    [10, 50],
    [15, 0],
    [20, -50],
  ] as const) {
    assert.equal(convert(value, [{ table }]), result);
  }
  assert.throws(() => convert(20.1, [{ table }]), { message: "20.1 is beyond the table, 0 to 20" });
  assert.throws(() => convert(-1, [{ table }]), /beyond/);
});

test("a lookup takes decimal and hexadecimal keys", () => {
  const lookup = { "0x17": 8, "2": "two" };
  assert.equal(convert(23, [{ lookup }]), 8);
  assert.equal(convert(1, [{ add: 1 }, { lookup }]), "two");
  assert.throws(() => convert(3, [{ lookup }]), { message: "3 (0x3) has no meaning" });
});

test("what can't be is found in the options", () => {
  const pointers = (steps: Parameters<typeof checkSteps>[0]) =>
    [...checkSteps(steps)].map(({ pointer }) => pointer);
  assert.deepEqual(pointers([{ add: 1 }, { multiply: 0 }]), ["/convert/1/multiply"]);
  assert.deepEqual(
    pointers([
      {
        table: [
          [1, 0],
          [1, 1],
        ],
      },
    ]),
    ["/convert/0/table"],
  );
  assert.deepEqual(pointers([{ lookup: { one: 1 } }]), ["/convert/0/lookup"]);
  assert.deepEqual(pointers([{ lookup: { "1": 1 } }, { add: 1 }]), ["/convert/0/lookup"]);
});
