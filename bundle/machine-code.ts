import { chmod, copyFile, open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { UmecError } from "../runtime/errors.ts";
import { type Architecture, root } from "./paths.ts";
import { runTool } from "./run-tool.ts";

/** `e_machine` of an ELF header. */
const machines: Record<Architecture, number> = { arm64: 0xb7, x64: 0x3e };
/** The programs of the tool root that remove symbols. */
const strip: Record<Architecture, string> = {
  arm64: "aarch64-linux-gnu-strip",
  x64: "x86_64-linux-gnu-strip",
};

/**
 * Copies an executable or shared object, without its symbols if `stripped`.
 *
 * @throws UmecError `BUNDLE_WRONG_ARCHITECTURE`
 */
export async function copyMachineCode(
  from: string,
  to: string,
  { architecture, stripped = false, mode }: { architecture: Architecture; stripped?: boolean; mode: number },
): Promise<void> {
  await requireMachine(from, architecture);
  await copyFile(from, to);
  // The tool root sees the current folder.
  if (stripped) await runTool(join(root, "image/tools/run"), [strip[architecture], to], dirname(to));
  await chmod(to, mode);
}

async function requireMachine(path: string, architecture: Architecture): Promise<void> {
  await using file = await open(path);
  const { buffer } = await file.read(Buffer.alloc(20), 0, 20, 0);
  const isElf = buffer.toString("latin1", 0, 4) === "\x7fELF";
  if (isElf && buffer.readUInt16LE(18) === machines[architecture]) return;
  throw new UmecError("BUNDLE_WRONG_ARCHITECTURE", `${path} is not machine code for ${architecture}`);
}
