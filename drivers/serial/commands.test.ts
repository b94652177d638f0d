import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeCommand, schemaOf } from "./commands.ts";
import type { CommandOptions } from "./options.ts";

const text = (command: CommandOptions, value?: unknown): string =>
  encodeCommand(command, value).toString("latin1");

test("the value is put into the text as the line wants it", () => {
  assert.equal(text({ send: "SP $value\r", type: "number", decimals: 1 }, 21.25), "SP 21.3\r");
  assert.equal(text({ send: "SP $value", type: "number" }, 1e-7), "SP 0.0000001");
  assert.equal(text({ send: "$value/$value", type: "integer" }, 4), "4/4");
  assert.equal(text({ send: "L$value", type: "boolean" }, true), "L1");
  assert.equal(
    text({ send: "L$value", type: "boolean", words: { true: "ON", false: "OFF" } }, false),
    "LOFF",
  );
  assert.equal(text({ send: "N $value", type: "text" }, "a$&b"), "N a$&b");
  assert.equal(text({ send: { hex: "02 41 03" } }), "\x02A\x03");
});

test("what the command does not take is refused, above all what would begin another command", () => {
  const number: CommandOptions = { send: "$value", type: "number", minimum: 0, maximum: 9 };
  const refused: [CommandOptions, unknown][] = [
    [number, -1],
    [number, 10],
    [number, "5"],
    [number, Number.NaN],
    [{ ...number, type: "integer" }, 1.5],
    [{ send: "$value", type: "number" }, 1e30],
    [{ send: "$value", type: "boolean" }, 1],
    [{ send: "$value", type: "text" }, "a\r\nRESET"],
    [{ send: "$value", type: "text", maxLength: 2 }, "abc"],
    [{ send: "$value", type: "text", values: ["a"] }, "b"],
  ];
  for (const [command, value] of refused) {
    assert.throws(
      () => encodeCommand(command, value),
      { code: "SERIAL_VALUE" },
      JSON.stringify([command, value]),
    );
  }
});

test("the schema tells what is taken", () => {
  const plain = (command: CommandOptions): unknown => JSON.parse(JSON.stringify(schemaOf(command) ?? null));
  assert.deepEqual(plain({ send: "", type: "integer", minimum: 1 }), { type: "integer", minimum: 1 });
  assert.deepEqual(plain({ send: "", type: "text", values: ["a"] }), { type: "string", enum: ["a"] });
  assert.deepEqual(plain({ send: "", type: "boolean" }), { type: "boolean" });
  assert.equal(plain({ send: "" }), null);
});
