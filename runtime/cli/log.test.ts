import assert from "node:assert/strict";
import { test } from "node:test";
import { UmecError } from "../errors.ts";
import { createLog, type LogOptions } from "./log.ts";

function logged(options: Partial<LogOptions> = {}) {
  const lines: string[] = [];
  const log = createLog({ destination: { write: (line) => lines.push(line) }, ...options });
  return { log, lines };
}

test("a line for people has the time, the level, the message and the fields", () => {
  const { log, lines } = logged();
  log.child({ plugin: "meter" }).warn("slow", { ms: 12, why: "two words", list: [1], empty: "" });
  assert.match(
    lines.join(""),
    /^\d\d:\d\d:\d\d\.\d{3} WARN: slow plugin=meter ms=12 why="two words" list=\[1\] empty=""\n$/,
  );
});

test("a line for programs is one JSON object, and fields do not hide what is the log's own", () => {
  const { log, lines } = logged({ format: "json" });
  log.child({ plugin: "a" }).info("said", { plugin: "b", level: 3, time: 4, msg: 5 });
  const { time, ...rest } = JSON.parse(lines[0]!);
  assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000);
  assert.deepEqual(rest, { level: "info", msg: "said", plugin: "b", level_: 3, time_: 4, msg_: 5 });
  assert.equal(lines[0]!.match(/"plugin"/g)?.length, 1);
});

test("an error is its code and message, with its stack and causes only at debug", () => {
  const { log, lines } = logged({ format: "json" });
  const error = new UmecError("BUS_DOWN", "no bus", { cause: new Error("the cause") });
  log.error("failed", { error });
  assert.equal(JSON.parse(lines[0]!).error, "BUS_DOWN: no bus");
  log.setLevel("debug");
  log.error("failed", { error });
  assert.match(JSON.parse(lines[1]!).error, /^BUS_DOWN: no bus\nUmecError: no bus\n {4}at [\s\S]*the cause/);
});

test("the level holds for children that were made before it was set", () => {
  const { log, lines } = logged();
  const child = log.child({ part: "x" });
  child.debug("not yet");
  log.setLevel("debug");
  child.debug("now");
  log.setLevel("error");
  child.warn("no longer");
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /DEBUG: now part=x/);
});

test("nothing that is logged throws, nor a destination that can't take it", () => {
  const circular: Record<string, unknown> = { big: 10n };
  circular.self = circular;
  const hostile = {
    get trap() {
      throw new Error("no");
    },
  };
  for (const format of ["text", "json"] as const) {
    const { log, lines } = logged({ format });
    log.info("circular", circular);
    assert.match(lines.join(""), /circular/);
    log.info("hostile", { hostile });
  }
  const broken = createLog({
    destination: {
      write() {
        throw new Error("EPIPE");
      },
    },
  });
  broken.error("nobody hears");
});
