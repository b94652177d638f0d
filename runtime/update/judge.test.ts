import assert from "node:assert/strict";
import { test } from "node:test";
import { isUmecError } from "../errors.ts";
import { judgeBundle, type Permit } from "./judge.ts";

const virt = "umec-virt";
const cases: [
  name: string,
  bundle: { version: string; compatible?: string },
  machine: { running?: string; permit?: Permit },
  refused?: RegExp,
][] = [
  ["a newer one", { version: "1.4.0" }, { running: "1.3.2" }],
  ["the same again", { version: "1.3.2" }, { running: "1.3.2" }],
  ["the release after its candidate", { version: "1.4.0" }, { running: "1.4.0-rc.2" }],
  ["any where nobody knows what runs", { version: "0.0.1" }, {}],
  ["an older one", { version: "1.3.1" }, { running: "1.3.2" }, /^1\.3\.1 is older than 1\.3\.2, which runs$/],
  ["a candidate after its release", { version: "1.4.0-rc.2" }, { running: "1.4.0" }, /older than 1\.4\.0/],
  [
    "another board's",
    { version: "1.4.0", compatible: "umec-rpi" },
    {},
    /is for umec-rpi, and this is umec-virt$/,
  ],
  ["what has no version", { version: "new" }, {}, /"new" is no version/],
  [
    "an older one with a permit",
    { version: "1.3.1" },
    { running: "1.3.2", permit: { compatible: virt, version: "1.3.1" } },
  ],
  [
    "another board's with a permit",
    { version: "1.4.0", compatible: "umec-evk" },
    { permit: { compatible: "umec-evk", version: "1.4.0" } },
  ],
  [
    "an older one with a permit for another version",
    { version: "1.3.1" },
    { running: "1.3.2", permit: { compatible: virt, version: "1.3.0" } },
    /which runs; the permit is for 1\.3\.0 on umec-virt$/,
  ],
];

for (const [name, { version, compatible = virt }, machine, refused] of cases) {
  test(`${name} is ${refused ? "refused" : "let in"}`, () => {
    const judge = () => judgeBundle({ version, compatible }, { compatible: virt, ...machine });
    if (!refused) return judge();
    assert.throws(judge, (error) => isUmecError(error, "UPDATE_REFUSED") && refused.test(error.message));
  });
}
