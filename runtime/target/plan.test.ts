import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { alarmOf, appOf, pluginOf, targetOf } from "./fixtures/targets.ts";
import { plan } from "./plan.ts";
import { accountsOf, advance, type Reached, unsureAfter } from "./reached.ts";
import { describeStep, piecesOf, type Step } from "./step.ts";
import type { Target } from "./types.ts";

/** Mostly `usual`, so that two targets share it more often than not. */
function mostly<T>(usual: T, ...others: T[]): fc.Arbitrary<T> {
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant(usual) },
    { weight: 1, arbitrary: fc.constantFrom(...others) },
  );
}

const anyPlugin = fc
  .record({
    name: fc.constantFrom("a", "b", "c", "d"),
    driver: mostly("click", "meter"),
    required: mostly(false, true),
    samplesPerS: mostly(20_000, 10),
    options: fc.oneof(
      fc.constant<Record<string, unknown>>({ line: 4 }),
      fc
        .dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 })
        .map((value) => JSON.parse(JSON.stringify(value)) as Record<string, unknown>),
    ),
  })
  .map(({ name, samplesPerS, ...rest }) =>
    pluginOf(name, { ...rest, limits: { samplesPerS, bytesPerS: 1_048_576 } }),
  );

const anyTarget: fc.Arbitrary<Target> = fc
  .record({
    node: mostly("lamp", "lamp-2"),
    dataPath: mostly("/data", "/other"),
    level: mostly<Target["log"]["level"]>("info", "debug"),
    hub: mostly<string | undefined>("tls://hub:7422", "tls://hub-2:7422", undefined),
    commitMs: mostly(10, 20),
    trust: mostly<Target["clock"]["trust"]>("auto", "always"),
    deadlineS: mostly(300, 60),
    alarmLimit: mostly<number | undefined>(undefined, 1, 2),
    apiPort: mostly<number | undefined>(8443, 8444, undefined),
    read: mostly<string | undefined>("a/**", "b/x", undefined),
    plugins: fc.uniqueArray(anyPlugin, { selector: ({ name }) => name, maxLength: 4 }),
  })
  .map(({ node, dataPath, level, hub, commitMs, trust, deadlineS, alarmLimit, apiPort, read, plugins }) => {
    const { link, ...offline } = targetOf({
      node,
      dataPath,
      log: { level },
      outbox: { quotaBytes: 1_048_576, commitMs, commitBytes: 4096 },
      clock: { trust },
      gate: { deadlineS, offline: false },
      alarms: alarmLimit === undefined ? [] : [alarmOf("hot", alarmLimit)],
      apps: read === undefined ? [] : [appOf("board", { read: [read] })],
      ...(apiPort !== undefined && { api: { host: "::", port: apiPort, issuers: [], requestsPerS: 50 } }),
      plugins: plugins.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    });
    return hub === undefined ? offline : { ...offline, link: { ...link!, hubUrls: [hub] } };
  });

/** Does the steps in a model: a restart begins anew with the target. */
function follow(from: Reached | undefined, target: Target): Reached {
  let reached = from ?? {};
  for (const step of plan(from, target)) {
    if (step.kind === "needs-restart") return follow({}, target);
    reached = advance(reached, step);
  }
  return reached;
}

function assertReached(reached: Reached, target: Target): void {
  const { accounts: _, unsure, ...rest } = reached;
  assert.deepStrictEqual(rest, target);
  assert.deepStrictEqual(
    accountsOf(reached),
    target.plugins.map(({ name }) => name),
  );
  assert.deepStrictEqual(unsure ?? [], []);
}

test("nothing is planned from a target to itself", () => {
  fc.assert(
    fc.property(anyTarget, (a) => {
      assert.deepEqual(plan(a, structuredClone(a)), []);
    }),
  );
});

test("the steps from any target, or none, to any other lead there", () => {
  fc.assert(
    fc.property(fc.option(anyTarget, { nil: undefined }), anyTarget, (a, b) => {
      const reached = follow(a, b);
      assertReached(reached, b);
      assert.deepEqual(plan(reached, b), []);
    }),
  );
});

test("a plugin that does not change has no step", () => {
  fc.assert(
    fc.property(anyTarget, anyTarget, (a, b) => {
      const old = new Map(a.plugins.map((plugin) => [plugin.name, JSON.stringify(plugin)]));
      const same = b.plugins.filter((plugin) => old.get(plugin.name) === JSON.stringify(plugin));
      const touched = new Set(plan(a, b).flatMap(piecesOf));
      for (const { name } of same) {
        assert.ok(!touched.has(`plugin/${name}`));
        assert.ok(!touched.has(`account/${name}`));
      }
    }),
  );
});

test("whatever steps fail on the way, the next plan still leads to its target", () => {
  const faults = fc.infiniteStream(fc.boolean());
  fc.assert(
    fc.property(
      fc.array(anyTarget, { minLength: 1, maxLength: 4 }),
      anyTarget,
      faults,
      (tries, last, fails) => {
        let reached: Reached = {};
        for (const target of tries) {
          for (const step of plan(reached, target)) {
            if (step.kind === "needs-restart") reached = {};
            else reached = fails.next().value ? unsureAfter(reached, step) : advance(reached, step);
          }
        }
        assertReached(follow(reached, last), last);
      },
    ),
  );
});

test("accounts are there before their plugins start and go after they stop", () => {
  fc.assert(
    fc.property(anyTarget, anyTarget, (a, b) => {
      const steps = plan(a, { ...b, node: a.node, dataPath: a.dataPath });
      const index = (kind: Step["kind"]) => steps.findIndex((step) => step.kind === kind);
      const lastIndex = (kind: Step["kind"]) => steps.findLastIndex((step) => step.kind === kind);
      if (index("start-plugin") >= 0) assert.ok(index("add-accounts") < index("start-plugin"));
      if (index("remove-accounts") >= 0) assert.ok(lastIndex("stop-plugin") < index("remove-accounts"));
    }),
  );
});

test("a node's first steps come in the order in which it can do them", () => {
  const target = targetOf({ plugins: [pluginOf("a"), pluginOf("b")] });
  assert.deepEqual(plan(undefined, target).map(describeStep), [
    "open node lamp in /data",
    "set the log level to info",
    "set clock trust to auto",
    "set the outbox to 1048576 bytes, a commit every 10 ms or 4096 bytes",
    "set the store of objects to 1048576 bytes, 65536 bytes a second to the hub",
    "set updates to restart by themselves, at any time",
    "a new system has 300 s to be good, with the hub",
    "add the accounts of a, b",
    "start plugin a (driver click)",
    "start plugin b (driver click)",
    "link to tls://hub:7422",
  ]);
});

test("one plugin's options touch that plugin alone; its limits do not stop it", () => {
  const a = targetOf({ plugins: [pluginOf("a"), pluginOf("b")] });
  const options = targetOf({ plugins: [pluginOf("a", { options: { line: 5 } }), pluginOf("b")] });
  assert.deepEqual(plan(a, options).map(describeStep), ["restart plugin a: changed: options"]);
  const limits = targetOf({
    plugins: [pluginOf("a"), pluginOf("b", { limits: { samplesPerS: 1, bytesPerS: 1024 }, required: true })],
  });
  assert.deepEqual(plan(a, limits).map(describeStep), ["adjust plugin b: changed: limits, required"]);
});

test("a new name or data directory needs a restart and nothing else", () => {
  const steps = plan(
    targetOf({}),
    targetOf({ node: "lamp-2", dataPath: "/other", plugins: [pluginOf("a")] }),
  );
  assert.deepEqual(steps.map(describeStep), [
    "restart needed: the node is now called lamp-2, not lamp; its data is now in /other, not /data",
  ]);
});

test("without a link the node goes offline", () => {
  const { link: _, ...offline } = targetOf({});
  assert.deepEqual(plan(targetOf({}), offline).map(describeStep), ["go offline"]);
});

test("a plugin whose restart failed is restarted, also when the old target comes back", () => {
  const old = targetOf({ plugins: [pluginOf("a")] });
  const [step] = plan(old, targetOf({ plugins: [pluginOf("a", { options: { line: 5 } })] }));
  assert.deepEqual(plan(unsureAfter(old, step!), old).map(describeStep), [
    "restart plugin a: the last attempt failed",
  ]);
});

test("a change of applications leaves the API open; one of the API comes after them, and both after the link", () => {
  const api = { host: "::", port: 8443, issuers: [], requestsPerS: 50 };
  const from = targetOf({ api, apps: [appOf("a")] });
  const kinds = (target: Target) => plan(from, target).map(({ kind }) => kind);
  assert.deepEqual(kinds({ ...from, apps: [appOf("a", { read: [] })] }), ["set-apps"]);
  assert.deepEqual(kinds({ ...from, api: { ...api, port: 1 } }), ["set-api"]);
  const { api: _, link: __, ...without } = from;
  assert.deepEqual(kinds({ ...without, apps: [] }), ["set-link", "set-apps", "set-api"]);
});
