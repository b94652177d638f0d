import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import http from "node:http";
import { test } from "node:test";
import { promisify } from "node:util";
import * as standIn from "./http.ts";

test("what it exports is node:http's own", () => {
  const { default: whole, ...names } = standIn;
  assert.equal(whole, process.getBuiltinModule("node:http"));
  assert.ok(Object.keys(names).length >= 10);
  for (const [name, value] of Object.entries(names))
    assert.equal(value, http[name as keyof typeof http], name);
});

test("undici is not loaded with it, as it is with node:http", async () => {
  const loaded = async (module: string): Promise<boolean> => {
    const script = `await import(${JSON.stringify(module)});
      console.log(process.moduleLoadList.some((name) => name.includes("undici")))`;
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script]);
    return stdout.trim() === "true";
  };
  assert.equal(await loaded("node:http"), true, "then this stand-in is not needed any more");
  assert.equal(await loaded(new URL("./http.ts", import.meta.url).href), false);
});
