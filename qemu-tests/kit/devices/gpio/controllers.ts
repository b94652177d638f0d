import { UmecError } from "../../../../runtime/errors.ts";
import { unsupported, valueError } from "../errors.ts";
import type { MachineName, QmpPort } from "../types.ts";

/** A GPIO controller as QEMU models it. */
export interface Controller {
  readonly lines: number;
  /** The QOM path whose pins qtest drives and listens to; `undefined` where the model has none. */
  path(qmp: QmpPort): Promise<string | undefined>;
  /** The physical address of the 32 bit register that shows the levels of all lines (and its bit) for a line. */
  register(line: number): { address: number; bit: number };
}

/**
 * - virt: PL061 (Arm DDI 0190B, section 3.3.1: GPIODATA, whose address bits 9 to 2 mask what is read). Line 3 is the
 *   power key of the device tree.
 * - imx8mp-evk: GPIO1 to GPIO5 (i.MX 8M Plus reference manual, section 8.3: DR shows outputs and sampled inputs).
 * - raspi3b: BCM2837 (BCM2835 ARM Peripherals, section 6.1: GPLEV0, GPLEV1). QEMU's model has no pins to the outside:
 *   inputs can't be driven, and changes don't come by themselves.
 *
 * Throws `DEVICE_VALUE` if there is no such bank.
 */
export function controllerOf(machine: MachineName, bank: number): Controller {
  const banks = machine === "imx8mp-evk" ? 5 : 1;
  if (!Number.isInteger(bank) || bank < 1 || bank > banks) {
    throw valueError(`${machine} has GPIO banks 1 to ${banks}, not ${bank}`);
  }
  if (machine === "virt") {
    return {
      lines: 8,
      path: findPl061,
      register: (line) => ({ address: 0x09030000 + 0x3fc, bit: line }),
    };
  }
  if (machine === "imx8mp-evk") {
    return {
      lines: 32,
      path: async () => `/machine/soc/gpio${bank}`,
      register: (line) => ({ address: 0x30200000 + (bank - 1) * 0x10000, bit: line }),
    };
  }
  return {
    lines: 54,
    path: async () => undefined,
    register: (line) => ({ address: 0x3f200034 + (line >> 5) * 4, bit: line & 31 }),
  };
}

/** The controller has no name of its own in QEMU's tree: it is found by its type. */
async function findPl061(qmp: QmpPort): Promise<string> {
  const parent = "/machine/unattached";
  const children = (await qmp.execute("qom-list", { path: parent })) as { name: string; type: string }[];
  const child = children.find(({ type }) => type === "child<pl061>");
  if (!child) throw new UmecError("DEVICE_GPIO_MISSING", `QEMU has no PL061 below ${parent}`);
  return `${parent}/${child.name}`;
}

/** For what the machine's model can't do. */
export function noPins(machine: string): UmecError {
  return unsupported(
    `QEMU's GPIO model of ${machine} has no pins: inputs can't be driven and edges are not seen`,
    "read outputs with level(), or test on virt or imx8mp-evk",
  );
}
