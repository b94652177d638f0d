import type { OptionFinding } from "../../runtime/plugin/sdk.ts";
import { caseTwins } from "../common/case-twins.ts";
import { chipTypes } from "./chips.ts";
import { hex } from "./errors.ts";
import type { DeviceOptions, I2cOptions } from "./options.ts";

const common: readonly (keyof DeviceOptions)[] = ["type", "address", "everyMs"];

/** What is wrong with options that fit the schema: each finding points at the option meant. */
export function checkOptions({ devices }: I2cOptions): OptionFinding[] {
  const findings: OptionFinding[] = [];
  const owners = new Map<number, string>();
  findings.push(...caseTwins(Object.keys(devices), "/devices"));
  for (const [name, device] of Object.entries(devices)) {
    const pointer = `/devices/${name}`;
    const owner = owners.get(device.address);
    if (owner === undefined) owners.set(device.address, name);
    else {
      findings.push({
        pointer: `${pointer}/address`,
        reason: `${hex(device.address)} is ${owner} already`,
      });
    }
    findings.push(...checkDevice(device).map((found) => ({ ...found, pointer: pointer + found.pointer })));
  }
  return findings;
}

function checkDevice(device: DeviceOptions): OptionFinding[] {
  const type = chipTypes[device.type];
  const known: readonly string[] = [...common, ...type.options];
  const findings: OptionFinding[] = [];
  for (const option of Object.keys(device)) {
    if (known.includes(option)) continue;
    const hint = `${type.name} takes ${known.join(", ")}`;
    findings.push({ pointer: `/${option}`, reason: `a ${type.name} has no option ${option}`, hint });
  }
  for (const option of type.required ?? []) {
    if (device[option] === undefined) {
      findings.push({ pointer: "", reason: `a ${type.name} needs the option ${option}` });
    }
  }
  if (findings.length > 0) return findings;
  findings.push(...(type.check?.(device) ?? []));
  for (const option of ["channels", "pins", "fields", "registers"] as const) {
    const names = Object.keys(device[option] ?? {});
    findings.push(...caseTwins(names, `/${option}`));
    if (names.includes("online")) {
      const reason = "the name online is taken: it says whether the device answers";
      findings.push({ pointer: `/${option}/online`, reason });
    }
  }
  return findings;
}

/** Names that differ in case only are one name to too many readers. */
