import assert from "node:assert/strict";
import { test } from "node:test";
import { mergeTarget } from "./settle.ts";

const urls = ["tls://hub.example.org:7422"];

test("what the hub tells takes the place of the file's keys, and comments stay", () => {
  const before = "# mine\nnode: n1 # its name\noutbox: { quotaBytes: 1GiB, commitMs: 20 }\n";
  const target = { outbox: { quotaBytes: "64MiB" }, node: "other", data: "/etc", log: { level: "debug" } };
  const { text, ca } = mergeTarget(before, { target });
  assert.equal(text, "# mine\nnode: n1 # its name\noutbox:\n  quotaBytes: 64MiB\nlog:\n  level: debug\n");
  assert.equal(ca, undefined);
  assert.equal(mergeTarget(text, { target }).text, text, "again, to the same effect");
});

test("where the hub is the file says, if it says it; settings of the link the hub may tell", () => {
  const before = "node: n1\nlink:\n  hub: tls://other:7422\n";
  const target = { link: { hub: "tls://third", credentials: "./x", ca: "./y", reconnectMs: 500 } };
  const { text, ca } = mergeTarget(before, { hub: { urls, ca: "PEM" }, target });
  assert.equal(text, "node: n1\nlink:\n  hub: tls://other:7422\n  reconnectMs: 500\n");
  assert.equal(ca, undefined);
});

test("a file that names no hub gets the hub's address and CA", () => {
  const { text, ca } = mergeTarget("node: n1\n", { hub: { urls, ca: "PEM" } });
  assert.equal(text, "node: n1\nlink:\n  hub:\n    - tls://hub.example.org:7422\n  ca: ./hub-ca.pem\n");
  assert.equal(ca, "PEM");
  assert.equal(mergeTarget("node: n1\n", { target: { link: { reconnectMs: 1 } } }).text, "node: n1\n");
});

test("a file that can't be read just now is not written", () => {
  assert.throws(() => mergeTarget("node: [", { target: {} }), { code: "ENROL_TARGET_UNREADABLE" });
});
