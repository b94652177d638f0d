import assert from "node:assert/strict";
import { test } from "node:test";
import { KconfigError, parseConfigIn, parseDefconfig } from "./kconfig.ts";

const good = `config BR2_PACKAGE_A
	bool "a"
	default y
	depends on !(BR2_B || BR2_C) && \\
		BR2_D # why
	select BR2_E
	help
	  What it is.

	  https://a.example

if BR2_PACKAGE_A

config BR2_PACKAGE_A_TEXT
	string "text"

endif

comment "a needs d"
	depends on !BR2_D
`;

test("a package's Config.in is read", () => {
  const { defined, used } = parseConfigIn("Config.in", good);
  assert.deepEqual(
    [...defined],
    [
      ["BR2_PACKAGE_A", "bool"],
      ["BR2_PACKAGE_A_TEXT", "string"],
    ],
  );
  assert.deepEqual([...used].sort(), ["BR2_B", "BR2_C", "BR2_D", "BR2_E", "BR2_PACKAGE_A"]);
});

for (const [why, from, to, message] of [
  ["an unknown word", "select BR2_E", "selects BR2_E", /:6: an entry has no tab|:6: not understood/],
  ["half an expression", "BR2_D # why", "BR2_D && # why", /:4: no expression/],
  ["a bracket that is left open", "!(BR2_B || BR2_C)", "!(BR2_B || BR2_C", /:4: no expression/],
  ["no default is needed", "\tdefault y\n", "", undefined],
  ["select before depends", "\tdefault y\n", "\tselect BR2_E\n", /:4: attributes stand in the order/],
  ["spaces for a tab", '\tbool "a"', '        bool "a"', /:2: only a tab/],
  ["wide help", "What it is.", "w".repeat(63), /:8: help text is wider/],
  ["an if without end", "endif\n", "", /an if is left open/],
  ["a prompt without quotes", 'bool "a"', "bool a", /:2: a prompt is a text/],
] as const) {
  test(`Config.in: ${why}`, () => {
    const text = good.replace(from, to);
    assert.notEqual(text, good);
    if (message === undefined) assert.ok(parseConfigIn("Config.in", text));
    else
      assert.throws(
        () => parseConfigIn("Config.in", text),
        (error) => error instanceof KconfigError && message.test(error.message),
      );
  });
}

test("a defconfig is read, and every other line refused", () => {
  const values = parseDefconfig("x_defconfig", '# Words\nBR2_A=y\nBR2_B="c d"\n# BR2_E is not set\n');
  assert.deepEqual(
    [...values],
    [
      ["BR2_A", "y"],
      ["BR2_B", "c d"],
      ["BR2_E", undefined],
    ],
  );
  for (const line of [
    "BR2_A=n",
    "BR2_A = y",
    "BR2_A=c",
    "BR2_A",
    "# BR2_A is unset",
    "#Words",
    "CONFIG_A=y",
    "BR2_A=y\nBR2_A=y",
  ]) {
    assert.throws(() => parseDefconfig("x_defconfig", `${line}\n`), KconfigError, line);
  }
});
