/** The engine's side of the files; image/root/traffic.test.ts and names.test.ts have root's, with packets and queries. */
import assert from "node:assert/strict";
import { watch } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createScratch } from "../../test-scratch.ts";
import type { ActiveTrafficRule } from "../types.ts";
import { createRuleEngine } from "./engine.ts";

const scratch = createScratch();
const record = (name: string) => ({ name, address: "10.0.0.1", ttlS: 60 });
const rule: ActiveTrafficRule = {
  id: "app/1",
  priority: 0,
  filterType: "PACKET",
  filters: [{}],
  action: "DROP",
  destinations: [],
};

/** Somebody in root's place, who answers with what `answers` gives and keeps what was asked. */
async function played(t: TestContext, answers: (lines: string[]) => object) {
  const dir = join(await scratch(), "rules");
  await mkdir(join(dir, "asked"), { recursive: true });
  const asked: string[][] = [];
  let working: Promise<void> = Promise.resolve();
  const work = async (what: string) => {
    const path = join(dir, "asked", what);
    const [first = "", ...lines] = (await readFile(path, "utf8").catch(() => "")).trimEnd().split("\n");
    if (first === "") return;
    await rm(path);
    asked.push(lines);
    const answer = { id: first.slice("id ".length), ...answers(lines) };
    await writeFile(join(dir, `${what}.json.new`), JSON.stringify(answer));
    await rename(join(dir, `${what}.json.new`), join(dir, `${what}.json`));
  };
  const watcher = watch(join(dir, "asked"), (_, name) => {
    if (name === "names" || name === "traffic") working = working.then(() => work(name));
  });
  t.after(async () => {
    watcher.close();
    await working;
  });
  return { dir, asked };
}

const applied = () => ({ state: "applied" });

test("what is asked for is what the rules say, and done when root says so", async (t) => {
  const { dir, asked } = await played(t, applied);
  const engine = createRuleEngine({ dir, listen: ["127.0.0.1"] });
  await engine.setDns([record("a.example")]);
  await engine.setTraffic([{ ...rule, filters: [{ dscp: 3 }] }]);
  await engine.off();
  // Of the last two neither waits for the other.
  assert.deepEqual(asked.toSpliced(2, 2, ...asked.slice(2).toSorted()), [
    [
      "conf listen-address=127.0.0.1",
      "conf local-ttl=60",
      "hosts 10.0.0.1 a.example",
      "servers server=/a.example/",
      "servers server=/*.a.example/#",
    ],
    ['add rule ip umec apps ip dscp 3 counter drop comment "app/1"'],
    [],
    ["off"],
  ]);
  assert.deepEqual(await readdir(join(dir, "asked")), []);
});

test("of calls that wait the last counts", async (t) => {
  const { dir, asked } = await played(t, applied);
  const engine = createRuleEngine({ dir });
  await Promise.all(["a", "b", "c", "d"].map((name) => engine.setDns([record(`${name}.example`)])));
  const names = asked.map((lines) => lines.find((line) => line.startsWith("hosts"))?.split(" ")[2]);
  assert.deepEqual(names, ["a.example", "d.example"]);
});

test("what root refuses is told by the rule that it is of, and the next call is served", async (t) => {
  const { dir } = await played(t, (lines) =>
    lines.length === 4 ? { state: "refused", reason: "line 3: Interface does not exist" } : applied(),
  );
  const engine = createRuleEngine({ dir });
  await assert.rejects(engine.setTraffic([{ ...rule, id: "app/2", priority: 1 }, rule]), {
    code: "RULES_REFUSED",
    message: "traffic rule app/2 is not taken: Interface does not exist",
    hint: "those of before still hold",
  });
  await engine.setTraffic([rule]);
});

test("a value that is none is refused before anybody is asked", async (t) => {
  const { dir, asked } = await played(t, applied);
  const engine = createRuleEngine({ dir });
  await assert.rejects(engine.setDns([record("no name")]), { code: "RULES_INVALID" });
  await assert.rejects(engine.setTraffic([{ ...rule, priority: -1 }]), { code: "RULES_INVALID" });
  assert.deepEqual(asked, []);
});

test("where nothing applies rules, only none can be had", async () => {
  const engine = createRuleEngine({ dir: join(await scratch(), "none") });
  await assert.rejects(engine.setDns([record("a.example")]), {
    code: "RULES_UNAVAILABLE",
    hint: /an image of ours/,
  });
  await assert.rejects(engine.setTraffic([rule]), { code: "RULES_UNAVAILABLE" });
  await engine.setDns([]);
  await engine.setTraffic([]);
  await engine.off();
});

test("a request that nobody takes is withdrawn: in time, or when the node ends", async () => {
  const dir = await scratch();
  await mkdir(join(dir, "asked"));
  await assert.rejects(createRuleEngine({ dir, timeoutMs: 50 }).setTraffic([rule]), {
    code: "RULES_TIMEOUT",
    hint: /umec-traffic\.service/,
  });
  const ending = new AbortController();
  const set = createRuleEngine({ dir, signal: ending.signal }).setTraffic([rule]);
  ending.abort(new Error("the node ends"));
  await assert.rejects(set, /the node ends/);
  assert.deepEqual(await readdir(join(dir, "asked")), []);
});
