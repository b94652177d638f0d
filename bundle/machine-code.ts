import { chmod, copyFile, open } from "node:fs/promises";
import { UmecError } from "../runtime/errors.ts";
import type { Architecture } from "./paths.ts";
import { runTool } from "./run-tool.ts";

/** `e_machine` of an ELF header. */
const machines: Record<Architecture, number> = { arm64: 0xb7, x64: 0x3e };
const tools: Record<Architecture, string> = {
  arm64: "aarch64-linux-gnu-strip",
  x64: "x86_64-linux-gnu-strip",
};

/** The program that removes symbols for an architecture, if this machine has one. */
export async function findStrip(architecture: Architecture): Promise<string | undefined> {
  const candidates = [tools[architecture], ...(process.arch === architecture ? ["strip"] : [])];
  for (const tool of candidates) {
    const found = await runTool(tool, ["--version"]).then(
      () => true,
      () => false,
    );
    if (found) return tool;
  }
  return undefined;
}

/**
 * Copies an executable or shared object, without its symbols if `strip` is given.
 *
 * @throws UmecError `BUNDLE_WRONG_ARCHITECTURE`
 */
export async function copyMachineCode(
  from: string,
  to: string,
  { architecture, strip, mode }: { architecture: Architecture; strip?: string | undefined; mode: number },
): Promise<void> {
  await requireMachine(from, architecture);
  if (strip === undefined) await copyFile(from, to);
  else await runTool(strip, ["-o", to, from]);
  await chmod(to, mode);
}

async function requireMachine(path: string, architecture: Architecture): Promise<void> {
  await using file = await open(path);
  const { buffer } = await file.read(Buffer.alloc(20), 0, 20, 0);
  const isElf = buffer.toString("latin1", 0, 4) === "\x7fELF";
  if (isElf && buffer.readUInt16LE(18) === machines[architecture]) return;
  throw new UmecError("BUNDLE_WRONG_ARCHITECTURE", `${path} is not machine code for ${architecture}`);
}
