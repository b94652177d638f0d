import type { OptionFinding } from "../../runtime/plugin/sdk.ts";
import { caseTwins } from "../common/case-twins.ts";
import type { GpioOptions, InputOptions, OutputOptions } from "./options.ts";

/** What is wrong with options that fit the schema: each finding points at the option meant. */
export function checkOptions({ inputs = {}, outputs = {}, backend }: GpioOptions): OptionFinding[] {
  const findings: OptionFinding[] = [
    ...caseTwins(Object.keys(inputs), "/inputs"),
    ...caseTwins(Object.keys(outputs), "/outputs"),
  ];
  const all: [pointer: string, name: string, options: InputOptions | OutputOptions][] = [
    ...Object.entries(inputs).map(([name, input]) => [`/inputs/${name}`, name, input] as const),
    ...Object.entries(outputs).map(([name, output]) => [`/outputs/${name}`, name, output] as const),
  ].map(([pointer, name, options]) => [pointer, name, options]);
  if (all.length === 0) findings.push({ pointer: "", reason: "neither an input nor an output is named" });

  const inputNames = new Map(Object.keys(inputs).map((name) => [name.toLowerCase(), name]));
  for (const name of Object.keys(outputs)) {
    const twin = inputNames.get(name.toLowerCase());
    if (twin !== undefined) {
      findings.push({ pointer: `/outputs/${name}`, reason: `${twin} is the name of an input already` });
    }
  }
  const owners = new Map<string, string>();
  for (const [pointer, name, { line }] of all) {
    const owner = owners.get(line);
    if (owner === undefined) owners.set(line, name);
    else findings.push({ pointer: `${pointer}/line`, reason: `${line} is ${owner} already` });
  }
  for (const [name, { edge, count }] of Object.entries(inputs)) {
    if (!count || edge !== "none") continue;
    const hint = "rising counts each pulse once";
    findings.push({
      pointer: `/inputs/${name}/edge`,
      reason: "without edges there is nothing to count",
      hint,
    });
  }
  if (backend === "sysfs") findings.push(...checkSysfs(all));
  return findings;
}

/** The old interface has neither resistors nor ways to drive. */
function checkSysfs(
  all: readonly [pointer: string, name: string, options: InputOptions | OutputOptions][],
): OptionFinding[] {
  const findings: OptionFinding[] = [];
  for (const [pointer, , options] of all) {
    if ((options.bias ?? "as-is") !== "as-is") {
      findings.push({ pointer: `${pointer}/bias`, reason: "sysfs can't set resistors" });
    }
    if ("drive" in options && (options.drive ?? "push-pull") !== "push-pull") {
      findings.push({ pointer: `${pointer}/drive`, reason: "sysfs can't set how a pin drives" });
    }
  }
  return findings;
}
