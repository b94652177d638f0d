import assert from "node:assert/strict";
import { test } from "node:test";
import { UmecError } from "../../runtime/plugin/sdk.ts";
import { createFindLine } from "./find-lines.ts";
import { createMemoryGpio } from "./memory.ts";

const { port } = createMemoryGpio([
  { name: "gpiochip0", label: "30200000.gpio", lines: ["RELAY1", "RELAY2", "TWICE"] },
  { name: "gpiochip1", label: "a:b", lines: ["TWICE", { name: "KEY", consumer: "gpio-keys" }] },
  { name: "gpiochip2", label: "same", lines: [""] },
  { name: "gpiochip3", label: "same", lines: [""] },
]);
const find = await createFindLine(port);
const place = async (text: string): Promise<string> => {
  const { chip, offset } = await find(text);
  return `${chip.name}:${offset}`;
};

test("a line is found by its name, and by chip or label and number", async () => {
  for (const [text, expected] of [
    ["RELAY2", "gpiochip0:1"],
    ["gpiochip1:0", "gpiochip1:0"],
    ["/dev/gpiochip1:0", "gpiochip1:0"],
    ["30200000.gpio:2", "gpiochip0:2"],
    ["a:b:0", "gpiochip1:0"],
  ] as const) {
    assert.equal(await place(text), expected);
  }
});

test("what can't be found is told with what there is", async () => {
  for (const [text, code, message, hint] of [
    ["RELAY3", "GPIO_NO_LINE", /no line RELAY3/, /did you mean RELAY1\? named lines are RELAY1, RELAY2/],
    ["gpiochip0:3", "GPIO_NO_LINE", /has lines 0 to 2, not 3/, undefined],
    ["gpiochip9:0", "GPIO_NO_CHIP", /no chip gpiochip9/, /gpiochip0 \(30200000.gpio\)/],
    ["TWICE", "GPIO_AMBIGUOUS", /TWICE/, /gpiochip0:2, gpiochip1:0/],
    ["same:0", "GPIO_AMBIGUOUS", /same/, /gpiochip2, gpiochip3/],
    ["KEY", "GPIO_BUSY", /KEY \(gpiochip1:1\) is held by gpio-keys/, /gpioinfo/],
  ] as const) {
    await assert.rejects(find(text), (error) => {
      assert.ok(error instanceof UmecError);
      assert.deepEqual([error.code, message.test(error.message)], [code, true], error.message);
      if (hint) assert.match(error.hint ?? "", hint);
      return true;
    });
  }
});

test("where a chip may not be looked at, that is the reason", async () => {
  const forbidden = new UmecError("GPIO_FORBIDDEN", "/dev/gpiochip9 may not be opened");
  const chips = async () => ({ ...(await port.chips()), refused: [forbidden] });
  const careful = await createFindLine({ ...port, chips });
  await assert.rejects(careful("RELAY9"), { code: "GPIO_FORBIDDEN" });
  assert.equal((await careful("RELAY1")).offset, 0);
});
