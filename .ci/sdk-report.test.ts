import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { reportPath, sdkReport } from "./sdk-report.ts";

test("docs/sdk-api.md shows the SDK as it is; run `make api` when you have changed it, and review the difference", async () => {
  const report = sdkReport();
  assert.match(report, /export interface Host \{\n/);
  assert.match(report, /export declare function startDriver</);
  assert.equal(await readFile(reportPath, "utf8"), report);
});
