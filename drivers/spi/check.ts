import type { OptionFinding } from "../../runtime/plugin/sdk.ts";
import { caseTwins } from "../common/case-twins.ts";
import { checkSteps } from "./chips/generic.ts";
import { chipTypes } from "./chips.ts";
import type { DeviceOptions, SpiOptions } from "./options.ts";

const common: readonly (keyof DeviceOptions)[] = [
  "type",
  "chipSelect",
  "everyMs",
  "speedHz",
  "mode",
  "chipSelectHigh",
  "delayUs",
];

/** What is wrong with options that fit the schema: each finding points at the option meant. */
export function checkOptions({ devices }: SpiOptions): OptionFinding[] {
  const findings: OptionFinding[] = [...caseTwins(Object.keys(devices), "/devices")];
  const owners = new Map<number, string>();
  for (const [name, device] of Object.entries(devices)) {
    const pointer = `/devices/${name}`;
    const owner = owners.get(device.chipSelect);
    if (owner === undefined) owners.set(device.chipSelect, name);
    else {
      findings.push({
        pointer: `${pointer}/chipSelect`,
        reason: `chip select ${device.chipSelect} is ${owner} already`,
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
  for (const [name, { convert }] of Object.entries(device.channels ?? {})) {
    for (const finding of checkSteps(convert)) {
      findings.push({ ...finding, pointer: `/channels/${name}${finding.pointer}` });
    }
  }
  for (const { pointer, names } of named(device)) {
    findings.push(...caseTwins(names, pointer));
    if (names.includes("online")) {
      const reason = "the name online is taken: it says whether the device answers";
      findings.push({ pointer: `${pointer}/online`, reason });
    }
  }
  return findings;
}

function named({
  channels,
  transfers = [],
  commands,
}: DeviceOptions): { pointer: string; names: string[] }[] {
  return [
    { pointer: "/channels", names: Object.keys(channels ?? {}) },
    ...transfers.map(({ values }, i) => ({
      pointer: `/transfers/${i}/values`,
      names: Object.keys(values ?? {}),
    })),
    { pointer: "/commands", names: Object.keys(commands ?? {}) },
  ];
}
