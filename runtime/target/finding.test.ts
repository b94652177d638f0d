import assert from "node:assert/strict";
import { test } from "node:test";
import { type Finding, formatFinding } from "./finding.ts";

const finding: Finding = {
  file: "node.yaml",
  line: 12,
  column: 9,
  pointer: "/plugins/meter/options/port",
  value: "99999",
  reason: "must be <= 65535 (a TCP port)",
  severity: "error",
};

test("a finding names place, key, value and reason, and has its hint on a line of its own", () => {
  assert.equal(
    formatFinding({ ...finding, hint: "Modbus uses 502" }),
    "node.yaml:12:9: plugins/meter/options/port: 99999: must be <= 65535 (a TCP port)\n    hint: Modbus uses 502",
  );
});

test("what is empty is left out, and a warning says that it is one", () => {
  assert.equal(
    formatFinding({ ...finding, pointer: "", value: "", severity: "warning" }),
    "node.yaml:12:9: warning: must be <= 65535 (a TCP port)",
  );
});
