import type { Command } from "commander";
import { addCommand, type Context } from "./context.ts";

export function addNewCommand(program: Command, context: Context): void {
  const group = addCommand(program, {
    usage: "new",
    summary: "make the beginning of something new, in a clone of µMEC",
    examples: [
      "umec new driver bh1750   # a driver with manifest, twin, tests, page and QEMU story",
      "umec new driver flow-meter",
    ],
  });
  addCommand(group, {
    usage: "driver",
    summary: "make a driver that runs, to be changed into yours",
    description:
      "Makes drivers/<name>/ with a driver, its edge to the hardware, the twin of that in memory and tests, a page in " +
      "docs/drivers/, a story for the emulated boards in qemu-tests/, and adds the driver to the list. " +
      "docs/write-a-driver.md leads on from there.",
    examples: [
      "umec new driver bh1750   # and then: node --test 'drivers/bh1750/*.test.ts'",
      "umec new driver flow-meter",
    ],
  })
    .argument("<name>", "lower case letters, digits and -")
    .action(async (name: string) => {
      const { newDriver } = await import("../scaffold/new-driver.ts");
      const files = await newDriver(name, process.cwd());
      context.stdout.write(
        `${files.map((file) => `  ${file}\n`).join("")}made; it runs already:\n  node --test 'drivers/${name}/*.test.ts'\n`,
      );
    });
}
