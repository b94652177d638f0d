import { access, constants } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { Problem } from "./finding.ts";

/** A warning where the file that a key names can't be read; it may come later. A path is relative to the target file. */
export async function checkReadable(
  file: unknown,
  { path, pointer, hint }: { path: string; pointer: string; hint: string },
): Promise<Problem[]> {
  if (typeof file !== "string" || file === "") return [];
  const resolved = resolve(dirname(resolve(path)), file);
  try {
    await access(resolved, constants.R_OK);
    return [];
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    const reason = missing ? `there is no file ${resolved}` : `the file ${resolved} can't be read`;
    return [{ pointer, severity: "warning", reason, hint }];
  }
}
