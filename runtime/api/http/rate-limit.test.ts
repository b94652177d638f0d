import assert from "node:assert/strict";
import { test } from "node:test";
import { createRateLimit, limitName } from "./rate-limit.ts";

test("two seconds' worth at once, then as many as the rate gives", () => {
  let now = 0;
  const limit = createRateLimit(10, () => now);
  const taken = () => {
    let count = 0;
    while (limit.take("a") === 0) count++;
    return count;
  };
  assert.equal(taken(), 20);
  assert.equal(limit.wait("a"), 0.1);
  assert.equal(limit.take("b"), 0);
  now += 100;
  assert.equal(taken(), 1);
  now += 1050;
  assert.equal(taken(), 10);
  now += 3_600_000;
  assert.equal(taken(), 20);
});

test("names are bounded: the one that was used the longest ago is forgotten", () => {
  const limit = createRateLimit(0.5, () => 0);
  assert.equal(limit.take("old"), 0);
  assert.equal(limit.take("used"), 0);
  for (let i = 0; i < 4094; i++) limit.take(`name ${i}`);
  assert.ok(limit.wait("used") > 0);
  limit.take("one more");
  assert.equal(limit.wait("old"), 0);
  assert.ok(limit.wait("used") > 0);
});

test("an address counts with its network", () => {
  assert.equal(limitName("192.0.2.1"), "192.0.2.1");
  assert.equal(limitName("::ffff:192.0.2.1"), "192.0.2.1");
  assert.equal(limitName("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2");
  assert.equal(limitName("2001:db8:1:2::6"), "2001:db8:1:2");
  assert.equal(limitName("2001:db8::6"), "2001:db8");
  assert.equal(limitName("::1"), "");
});
