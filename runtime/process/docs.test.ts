import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import Type from "typebox";
import { type Driver, defineDriver } from "../plugin/contract.ts";
import { checkTarget } from "../target/check.ts";

const http = defineDriver({
  manifest: {
    name: "http",
    version: "1.0.0",
    kind: "high",
    summary: "stands for the driver",
    options: Type.Object({}),
    points: () => [],
    needs: () => ({}),
  },
  run: async () => {},
}) as unknown as Driver;

async function check(text: string) {
  const drivers = { names: () => ["http"], load: async () => http };
  return checkTarget(text, { path: "/n/node.yaml", drivers });
}

test("the examples of the pages are valid, and mean what they say", async () => {
  for (const page of ["foreign-plugins", "objects"]) {
    const text = await readFile(new URL(`../../docs/${page}.md`, import.meta.url), "utf8");
    const example = /```yaml\n([\s\S]*?)```/.exec(text)![1]!;
    const { target, findings } = await check(`node: n1\n${example}`);
    assert.deepEqual(findings, []);
    if (page !== "foreign-plugins") continue;
    const [board, weather] = target!.plugins;
    assert.equal(board?.driver, "exec");
    assert.deepEqual(board?.process, {
      exec: ["/usr/bin/python3", "/data/plugins/board/plugin.py", "10"],
      memoryBytes: 64 * 2 ** 20,
      cpuPercent: 50,
      devices: ["/dev/ttyUSB0"],
      deadlineMs: 60_000,
      points: [
        { name: "board/load", access: "read" },
        {
          name: "board/interval",
          access: "write",
          unit: "s",
          schema: { type: "number", minimum: 0.01, maximum: 3600 },
        },
        { name: "board/report", access: "write", schema: { type: "null" } },
      ],
    });
    assert.deepEqual(weather?.process, { memoryBytes: 128 * 2 ** 20 });
  }
});

for (const [what, yaml, pointer, reason] of [
  ["neither driver nor program", "{}", "/plugins/p", /key driver is missing/],
  ["both", "{ driver: http, exec: [/bin/true] }", "/plugins/p/exec", /not both/],
  [
    "options for a program",
    "{ exec: [/bin/true], options: { a: 1 } }",
    "/plugins/p/options",
    /with a driver/,
  ],
  ["an isolated program", "{ exec: [/bin/true], isolate: process }", "/plugins/p/isolate", /with a driver/],
  [
    "a limit without a process",
    "{ driver: http, memoryBytes: 64MiB }",
    "/plugins/p/memoryBytes",
    /process of its own/,
  ],
  ["no arguments at all", "{ exec: [] }", "/plugins/p/exec", /./],
] as const) {
  test(`a plugin with ${what} is refused`, async () => {
    const { target, findings } = await check(`node: n1\nplugins: { p: ${yaml} }\n`);
    assert.equal(target, undefined);
    assert.equal(findings[0]?.pointer, pointer);
    assert.match(findings[0]?.reason ?? "", reason);
  });
}
