import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { messageOf, UmecError } from "../runtime/errors.ts";

/** Runs a program to its end and returns what it wrote to its standard output. Throws `BUNDLE_TOOL_FAILED`. */
export async function runTool(program: string, args: readonly string[], cwd?: string): Promise<string> {
  try {
    const options = { maxBuffer: 16 << 20, ...(cwd !== undefined && { cwd }) };
    const { stdout } = await promisify(execFile)(program, args, options);
    return stdout;
  } catch (cause) {
    throw new UmecError("BUNDLE_TOOL_FAILED", `${program}: ${messageOf(cause)}`, { cause });
  }
}
