import assert from "node:assert/strict";
import { test } from "node:test";
import { isUmecError } from "../errors.ts";
import { dialHost, isLoopback, parseListen } from "./listen.ts";

test("host and port are taken apart, also of IPv6", () => {
  assert.deepEqual(parseListen("127.0.0.1:0"), { host: "127.0.0.1", port: 0 });
  assert.deepEqual(parseListen("[::1]:7422"), { host: "[::1]", port: 7422 });
});

test("what is no address is refused", () => {
  for (const text of ["7422", "host", "host:", "host:70000", "::1:7422", "a b:1"]) {
    assert.throws(
      () => parseListen(text),
      (error) => isUmecError(error, "HUB_LISTEN"),
      text,
    );
  }
});

test("only 127.0.0.0/8, ::1 and localhost are loopback", () => {
  const loopback = ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1"];
  const open = ["0.0.0.0:1", "[::]:1", "192.168.1.2:1", "127.0.0.1.example:1"];
  for (const text of loopback) assert.equal(isLoopback(parseListen(text)), true, text);
  for (const text of open) assert.equal(isLoopback(parseListen(text)), false, text);
});

test("a server that listens on all addresses is dialled on loopback", () => {
  assert.equal(dialHost(parseListen("0.0.0.0:1")), "127.0.0.1");
  assert.equal(dialHost(parseListen("[::]:1")), "[::1]");
  assert.equal(dialHost(parseListen("10.0.0.1:1")), "10.0.0.1");
});
