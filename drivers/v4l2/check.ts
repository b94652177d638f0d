import type { OptionFinding } from "../../runtime/plugin/sdk.ts";
import type { V4l2Options } from "./options.ts";

/** What is wrong with options that fit the schema: each finding points at the option meant. */
export function checkOptions({ format, width, height }: V4l2Options): OptionFinding[] {
  const findings: OptionFinding[] = [];
  if ((width === undefined) !== (height === undefined)) {
    const [has, misses] = width === undefined ? ["height", "width"] : ["width", "height"];
    findings.push({ pointer: `/${has}`, reason: `${has} is given and ${misses} is not: a size is both` });
  }
  if (format === "YUYV" && width !== undefined && width % 2 === 1) {
    findings.push({ pointer: "/width", reason: `YUYV has pairs of pixels, and ${width} is odd` });
  }
  return findings;
}
