import assert from "node:assert/strict";
import { test } from "node:test";
import { nameProblem, refusalHeaders, refusalOf } from "./emit-wire.ts";

test("names are paths of plain segments", () => {
  for (const name of ["a", "meter1/phase-2/active_power", "0", "x".repeat(200)])
    assert.equal(nameProblem(name), undefined, name);
  for (const name of [
    "",
    "/a",
    "a/",
    "a//b",
    "_a",
    "a/_gap",
    "a.b",
    "a b",
    "ä",
    "a\n",
    "x".repeat(201),
    7,
    undefined,
  ])
    assert.equal(typeof nameProblem(name), "string", String(name));
});

test("a refusal survives its way through the headers, whatever its text", () => {
  const text = `line one\r\nUmec-Error: OTHER\t– ${"x".repeat(600)}`;
  const refusal = refusalOf({ headers: refusalHeaders({ code: "EMIT_INVALID", text }) });
  assert.equal(refusal?.code, "EMIT_INVALID");
  assert.match(refusal?.text ?? "", /^line one Umec-Error: OTHER – x{400,}$/);
});

test("an answer without the header refuses nothing", () => {
  assert.equal(refusalOf({}), undefined);
});
