import assert from "node:assert/strict";
import { test } from "node:test";
import Type from "typebox";
import { createJudges } from "./validate.ts";

const judgeOf = createJudges();
const schema = Type.Object({
  id: Type.Optional(Type.String({ format: "uuid" })),
  at: Type.Optional(Type.String({ format: "date-time" })),
  href: Type.Optional(Type.String({ format: "uri" })),
  end: Type.Optional(
    Type.Union([
      Type.Object({ uris: Type.Array(Type.String()) }),
      Type.Object({ address: Type.Object({ host: Type.String(), port: Type.Integer({ maximum: 65_535 }) }) }),
    ]),
  ),
  kind: Type.Optional(Type.Literal("a")),
  odd: Type.Optional(Type.String({ format: "nobody-knows" })),
});

test("what does not fit is told with its place and the reason", () => {
  const judge = judgeOf(schema);
  assert.equal(judgeOf(schema), judge);
  assert.equal(
    judge({ id: "5abe4782-2c70-4e47-9a4e-0ee3a1a0fd1f", at: "2026-11-30T12:00:00Z", odd: "x" }),
    undefined,
  );
  assert.equal(judge([]), "an array must be object");
  assert.equal(judge({ id: "5" }), '/id: "5" must match format "uuid"');
  assert.equal(
    judge({ at: "2026-13-30T12:00:00Z" }),
    '/at: "2026-13-30T12:00:00Z" must match format "date-time"',
  );
  assert.equal(judge({ href: "nowhere" }), '/href: "nowhere" must match format "uri"');
  assert.equal(judge({ kind: "b" }), '/kind: "b" is not "a"');
});

test("of a union that branch speaks that was meant", () => {
  const judge = judgeOf(schema);
  const port = { end: { address: { host: "x", port: 70_000 } } };
  assert.equal(judge(port), "/end/address/port: 70000 must be <= 65535");
  assert.equal(judge({ end: { uris: [1] } }), "/end/uris/0: 1 must be string");
  assert.equal(judge({ end: "x" }), "/end: fits none of the forms that are allowed");
});

test("a long value is cut, and nothing of a nested one is shown", () => {
  const reason = judgeOf(Type.Object({ n: Type.Integer() }))({ n: "x".repeat(1000) }) ?? "";
  assert.ok(reason.length < 150 && reason.includes("…"), reason);
});
