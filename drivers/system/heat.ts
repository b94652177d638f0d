/**
 * Temperatures and voltage: `/sys/class/thermal` (Documentation/driver-api/thermal/sysfs-api.rst) and `/sys/class/hwmon`
 * (Documentation/hwmon/sysfs-interface.rst), both in thousandths of a degree.
 *
 * A Raspberry Pi tells undervoltage by its hwmon `rpi_volt`: `in0_lcrit_alarm` is 1 from the first time below 4.63 V
 * until it was read.
 */
import type { Sample } from "../../runtime/plugin/sdk.ts";
import type { Group } from "./group.ts";
import { pointName, type Tree } from "./tree.ts";

export const temperature: Group = {
  points: [{ name: "temperature/*", unit: "Cel", summary: "By the name of the zone or sensor" }],
  create({ tree }) {
    return async () => {
      const found = [...(await zones(tree)), ...(await sensors(tree))];
      const names = new Map<string, number>();
      return found.map(({ name, celsius }) => {
        // Two sensors of one name are told apart by their order, which is the kernel's.
        const count = (names.get(name) ?? 0) + 1;
        names.set(name, count);
        return {
          name: `temperature/${count === 1 ? name : `${name}-${count}`}`,
          value: celsius,
          unit: "Cel",
        };
      });
    };
  },
};

interface Temperature {
  name: string;
  celsius: number;
}

async function zones(tree: Tree): Promise<Temperature[]> {
  const dir = "sys/class/thermal";
  const found: Temperature[] = [];
  for (const zone of (await tree.names(dir)).filter((name) => /^thermal_zone\d+$/.test(name))) {
    const milli = await tree.number(`${dir}/${zone}/temp`);
    const type = await tree.text(`${dir}/${zone}/type`);
    if (milli !== undefined) found.push({ name: pointName(type ?? zone), celsius: milli / 1000 });
  }
  return found;
}

async function sensors(tree: Tree): Promise<Temperature[]> {
  const dir = "sys/class/hwmon";
  const found: Temperature[] = [];
  for (const chip of await tree.names(dir)) {
    // The kernel shows each thermal zone here once more.
    if (/^thermal_zone\d+$/.test((await tree.linkName(`${dir}/${chip}/device`)) ?? "")) continue;
    const name = (await tree.text(`${dir}/${chip}/name`)) ?? chip;
    for (const file of (await tree.names(`${dir}/${chip}`)).filter((file) => /^temp\d+_input$/.test(file))) {
      const milli = await tree.number(`${dir}/${chip}/${file}`);
      const sensor = file.slice(0, -"_input".length);
      const label = (await tree.text(`${dir}/${chip}/${sensor}_label`)) ?? sensor;
      if (milli !== undefined) found.push({ name: pointName(`${name}-${label}`), celsius: milli / 1000 });
    }
  }
  return found;
}

export const voltage: Group = {
  points: [
    { name: "undervoltage", summary: "Whether the supply was too low since the last sample (Raspberry Pi)" },
  ],
  create({ tree }) {
    return async (): Promise<Sample[]> => {
      const dir = "sys/class/hwmon";
      for (const chip of await tree.names(dir)) {
        if ((await tree.text(`${dir}/${chip}/name`)) !== "rpi_volt") continue;
        const alarm = await tree.number(`${dir}/${chip}/in0_lcrit_alarm`);
        if (alarm !== undefined) return [{ name: "undervoltage", value: alarm !== 0 }];
      }
      return [];
    };
  },
};
