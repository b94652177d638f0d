import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { scratch, startUmec, umec } from "./test-program.ts";

const anyPorts = ["--listen", "127.0.0.1:0", "--leaf-listen", "127.0.0.1:0"];

test("beside a running hub target states are checked, kept, merged, shown and removed, and all of it is in its audit trail", async () => {
  await using dir = await scratch();
  const data = join(dir.path, "hub");
  const file = join(dir.path, "lamp.yaml");
  const target = async (args: readonly string[]) => {
    const { code, stdout, stderr } = await umec(["hub", "target", ...args, "--data", data, "--wait", "0s"]);
    return { code, stdout, stderr };
  };
  const set = async (text: string, ...args: string[]) => {
    await writeFile(file, text);
    return target([...args, file]);
  };
  {
    const nodes = ["--node", "lamp-1", "--node", "lamp-2", "--node", "gate"];
    await using hub = startUmec(["hub", "--data", data, ...anyPorts, "--json", ...nodes]);
    await hub.firstLine();

    assert.equal(
      (await target(["lamp-1"])).stdout,
      "lamp-1\nthe hub keeps  nothing: the node goes by its own node.yaml\n",
    );
    const faulty = await set("log:\n  level: loud\n# the end\nlonk: {}\n", "lamp-1", "--set");
    assert.deepEqual([faulty.code, faulty.stdout], [3, ""]);
    assert.match(faulty.stderr, /lamp\.yaml:2:10: log\/level: loud: must be one of/);
    assert.match(faulty.stderr, /lamp\.yaml:4:\d+: lonk: .*unknown key/);
    const others = await set("node: lamp-2\nlog: { level: warn }\n", "lamp-1", "--set");
    assert.deepEqual([others.code, others.stdout], [3, ""]);
    assert.match(others.stderr, /is of the node lamp-2, not of lamp-1/);

    const whole =
      "node: lamp-1\ndata: /d\nlink: { hub: tls://h.example, reconnectMs: 900 }\nlog: { level: warn }\n";
    const kept = await set(whole, "lamp-1", "--set");
    assert.deepEqual(
      [kept.code, kept.stdout],
      [0, "lamp-1: revision 1, kept; the node has not said anything yet\n"],
    );
    assert.equal(kept.stderr, "left to the node, which decides it: data, link.hub\n");
    const merged = await set("alarms: {}\nclock: null\n", "lamp-*", "--json", "--merge");
    const both = merged.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      both.map(({ node, state }) => [node, state]),
      [
        ["lamp-1", "waiting"],
        ["lamp-2", "waiting"],
      ],
    );
    // They are set at once, in any order.
    const [first, second] = both.map(({ revision }) => revision);
    assert.deepEqual([first, second].sort(), [2, 3]);
    const shown = await target(["lamp-1"]);
    assert.match(
      shown.stdout,
      /^lamp-1\nthe hub keeps {2}revision [23], set 20\d\d-.*Z\nthe node {7}has not said anything of it\n---\nnode: lamp-1\n/,
    );
    assert.match(shown.stdout, /level: warn \}\nalarms: \{\}\nclock: null\n$/);
    assert.equal((await target(["lamp-1", "--remove"])).stdout, "lamp-1: the hub keeps nothing for it\n");
    const json = await target(["lamp-1", "lamp-2", "--json"]);
    const [one, two] = json.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.deepEqual(one, { node: "lamp-1" });
    assert.deepEqual(
      [two.node, two.document.revision, two.document.text],
      ["lamp-2", second, "alarms: {}\nclock: null\n"],
    );

    const nobody = await set("alarms: {}\n", "door-*", "--set");
    assert.deepEqual([nobody.code, nobody.stdout], [1, ""]);
    assert.match(nobody.stderr, /no node door-\* has enrolled here/);
    assert.equal((await target(["lamp-1", "--remove", "--set", file])).code, 2);
  }
  // Of what is kept in streams nothing is known without them; of the audit trail all is.
  const idle = await target(["lamp-1"]);
  assert.deepEqual([idle.code, idle.stdout], [4, ""]);
  assert.match(idle.stderr, /no hub runs in this directory/);
  const audit = await umec(["hub", "audit", "--data", data, "--json"]);
  assert.equal(audit.code, 0, audit.stderr);
  const entries = audit.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    entries.map(({ what, result }) => [what.replace(/[0-9a-f]{16}/, "HASH"), result]),
    [
      ["target set (sha256 HASH…) for lamp-1", "asked"],
      ["target set (sha256 HASH…) for lamp-1", "done"],
      ["target merge (sha256 HASH…) for lamp-*", "asked"],
      ["target merge (sha256 HASH…) for lamp-*", "done"],
      ["target remove for lamp-1", "asked"],
      ["target remove for lamp-1", "done"],
      ["target set (sha256 HASH…) for door-*", "asked"],
      ["target set (sha256 HASH…) for door-*", "HUB_NODE_UNKNOWN"],
    ],
  );
  assert.equal(entries[0].by.uid, process.getuid!());
  assert.ok(entries[0].by.pid > 0 && entries[0].by.pid !== process.pid);
  const token = await umec(["hub", "token", "--data", data, "--name", "lamp-9"]);
  assert.equal(token.code, 0, token.stderr);
  const table = await umec(["hub", "audit", "--data", data, "--last", "2"]);
  assert.match(
    table.stdout,
    /^NO +WHEN +WHO +WHAT +RESULT\n9 .* token for lamp-9 +asked\n10 .* token for lamp-9 +done\n$/,
  );
  assert.doesNotMatch(table.stdout, /umec-token/);
});
