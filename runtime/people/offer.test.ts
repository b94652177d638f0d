import assert from "node:assert/strict";
import { test } from "node:test";
import { isUmecError } from "../errors.ts";
import { argumentsFor, offered } from "./offer.ts";
import { wordsOf } from "./words.ts";

test("words are taken apart as a shell would, and nothing is expanded", () => {
  for (const [text, words] of [
    ["", []],
    ["  a  b\tc ", ["a", "b", "c"]],
    [`a 'b c' "d e" f\\ g`, ["a", "b c", "d e", "f g"]],
    [`''`, [""]],
    [`"a\\"b" 'c\\d' e'f'"g"`, [`a"b`, "c\\d", "efg"]],
    ["$(reboot) `id` $HOME ; | && > /x *", ["$(reboot)", "`id`", "$HOME", ";", "|", "&&", ">", "/x", "*"]],
    ["a\nb\u0000", ["a", "b\u0000"]],
  ] as const)
    assert.deepEqual(wordsOf(text), words, text);
  for (const text of ["'a", '"a', '"a\\"'])
    assert.throws(
      () => wordsOf(text),
      (error) => isUmecError(error, "CLI_USAGE"),
      text,
    );
});

test("a viewer and an operator are offered little, and get that as arguments", () => {
  assert.deepEqual(offered("viewer"), ["status [--json] [--watch]"]);
  assert.deepEqual(offered("operator"), ["status [--json] [--watch]", "set <point> [value] [--ttl 5s]"]);
  assert.equal(argumentsFor("", "viewer"), undefined);
  assert.equal(argumentsFor(" umec ", "viewer"), undefined);
  assert.deepEqual(argumentsFor("umec status --json", "viewer"), ["status", "--json"]);
  assert.deepEqual(argumentsFor("set lamp/level -5 --ttl 2s", "operator"), [
    "set",
    "lamp/level",
    "-5",
    "--ttl",
    "2s",
  ]);
  assert.deepEqual(argumentsFor(`set lamp/name 'left one'`, "operator"), ["set", "lamp/name", "left one"]);
});

for (const [level, command] of [
  ["viewer", "set lamp/level 1"],
  ["viewer", "sh"],
  ["viewer", "/usr/bin/umec status"],
  ["viewer", "status; sh"],
  ["viewer", "status /data/umec/node.yaml"],
  ["viewer", "status --data /tmp"],
  ["viewer", "status --data=/tmp"],
  ["viewer", "status --"],
  ["viewer", "--debug status"],
  ["viewer", "constructor"],
  ["viewer", "__proto__"],
  ["operator", "set --url nats://192.0.2.1 n/lamp/level 1"],
  ["operator", "set lamp/level 1 --output /tmp/x"],
  ["operator", "set lamp/level 1 --target /etc/shadow"],
  ["operator", "set lamp/level 1 2"],
  ["operator", "set"],
  ["operator", "target"],
  ["operator", "run /tmp/node.yaml"],
  ["operator", "scp -t /tmp"],
] as const) {
  test(`not offered to a ${level}: ${command}`, () => {
    assert.throws(
      () => argumentsFor(command, level),
      (error) => isUmecError(error, "PERSON_NOT_ALLOWED") && error.hint!.startsWith("there are: status"),
    );
  });
}
