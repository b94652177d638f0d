import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";

/** Gives a test file directories of its own, with a space in their names, that go when its tests are done. */
export function createScratch(): () => Promise<string> {
  const made: string[] = [];
  after(async () => {
    for (const path of made) await rm(path, { recursive: true, force: true });
  });
  return async () => {
    const path = await mkdtemp(join(tmpdir(), "umec test "));
    made.push(path);
    return path;
  };
}
