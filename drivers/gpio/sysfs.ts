/**
 * GPIO lines by the kernel's old interface, /sys/class/gpio, through the npm package onoff: for kernels that have no
 * other. What it can't do: resistors, ways to drive, names of lines and of their holders, times of interrupts, and the
 * numbers of edges. An edge has the time at which its level was read, and those that come faster go unseen.
 *
 * The kernel's numbers of lines run through all chips; here a line is chip and number, as everywhere.
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Gpio as OnoffGpio } from "onoff";
import { messageOf, UmecError } from "../../runtime/plugin/sdk.ts";
import { addonError, busyError, errnoOf, faultError, noChipError, requestError } from "./errors.ts";
import type { Chip, GpioPort, HeldLines, LineRequest } from "./port.ts";

export type GpioClass = new (
  ...args: ConstructorParameters<typeof OnoffGpio>
) => Pick<OnoffGpio, "readSync" | "writeSync" | "watch" | "unexport">;

const sysfs = "/sys/class/gpio";

/** @throws UmecError `GPIO_ADDON_MISSING` */
export async function loadGpioClass(): Promise<GpioClass> {
  try {
    return ((await import("onoff")).default as typeof import("onoff")).Gpio;
  } catch (cause) {
    throw addonError("onoff", messageOf(cause));
  }
}

/** Whether the kernel has the interface. */
export async function hasSysfs(root = sysfs): Promise<boolean> {
  return (await readdir(root).catch(() => [])).length > 0;
}

export function createSysfs(loadGpio: () => Promise<GpioClass> = loadGpioClass, root = sysfs): GpioPort {
  const bases = new Map<string, number>();

  async function chipOf(name: string): Promise<Chip> {
    const read = async (file: string): Promise<string> =>
      (await readFile(join(root, name, file), "utf8")).trim();
    bases.set(name, Number(await read("base")));
    return { name, label: await read("label"), lines: Number(await read("ngpio")) };
  }

  return {
    nowMs: () => performance.now(),
    async chips() {
      const names = (await readdir(root).catch(() => [])).filter((name) => /^gpiochip\d+$/.test(name));
      if (names.length === 0) throw noChipError();
      return { chips: await Promise.all(names.sort().map(chipOf)), refused: [] };
    },
    lines: async ({ lines }) =>
      Array.from({ length: lines }, () => ({ name: "", consumer: "", used: false, output: false })),
    async request(request) {
      refuseWhatItCanNot(request);
      const Gpio = await loadGpio();
      return hold(request, bases.get(request.chip.name) ?? 0, Gpio);
    },
  };
}

function refuseWhatItCanNot({ chip, offsets, config }: LineRequest): void {
  if (config.bias === "as-is" && config.drive === "push-pull") return;
  const hint = "leave out bias and drive, or take backend: chardev";
  const lines = `${chip.name}:${offsets.join(",")}`;
  throw new UmecError("GPIO_UNSUPPORTED", `sysfs can set neither bias nor drive of ${lines}`, { hint });
}

function hold(
  { chip, offsets, config, values = [], onEdges }: LineRequest,
  base: number,
  Gpio: GpioClass,
): HeldLines {
  const lines: InstanceType<GpioClass>[] = [];
  const close = (): void => {
    for (const line of lines.splice(0)) line.unexport();
  };
  for (const [index, offset] of offsets.entries()) {
    const place = `${chip.name}:${offset}`;
    try {
      const { activeLow, debounceMs } = config;
      // The kernel takes the first level of an output as that of the pin, whatever active_low says.
      const high = (values[index] ?? false) !== activeLow;
      const line =
        config.direction === "out"
          ? new Gpio(base + offset, high ? "high" : "low", "none", { activeLow })
          : new Gpio(base + offset, "in", config.edge, { activeLow, debounceTimeout: debounceMs });
      lines.push(line);
      if (config.direction === "in" && config.edge !== "none" && onEdges) {
        line.watch((error, value) => {
          if (error) return;
          onEdges([{ offset, rising: value === 1, atMs: performance.now(), lost: 0 }]);
        });
      }
    } catch (cause) {
      close();
      throw errnoOf(cause) === "EBUSY"
        ? busyError(place, "", cause)
        : requestError(cause, place, "had by sysfs");
    }
  }
  const of = (offset: number): InstanceType<GpioClass> => lines[offsets.indexOf(offset)]!;
  return {
    read() {
      try {
        return lines.map((line) => line.readSync() === 1);
      } catch (cause) {
        throw faultError(cause, `reading ${chip.name}:${offsets.join(",")}`);
      }
    },
    write(offset, value) {
      try {
        of(offset).writeSync(value ? 1 : 0);
      } catch (cause) {
        throw faultError(cause, `setting ${chip.name}:${offset}`);
      }
    },
    close,
  };
}
