import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

async function output(script: string): Promise<unknown> {
  const path = fileURLToPath(new URL(`fixtures/${script}`, import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [path], { timeout: 20_000 });
  return JSON.parse(stdout);
}

test("errors that reach no caller go to the driver that they come from, and the process lives on", async () => {
  assert.deepEqual(await output("stray-node.ts"), {
    timer: "in a timer",
    promise: "in a promise",
    event: "in an event",
    unowned: "the runtime's own",
  });
});

test("a plugin fails by an error that it left behind, wherever it was called from", async () => {
  assert.deepEqual(await output("stray-plugin.ts"), [
    "PLUGIN_FAILED in a timer",
    "PLUGIN_FAILED in a promise",
    "PLUGIN_FAILED in what a task left behind",
    "PLUGIN_FAILED in what a command left behind",
  ]);
});
