import { readFile } from "node:fs/promises";
import { type Level, levels } from "./types.ts";

/** Numbers of the levels by a file such as /etc/passwd or /etc/group, in whose third column they are. */
export async function levelIds(file: string): Promise<Map<Level, number>> {
  const text = await readFile(file, "utf8").catch(() => "");
  const rows = text.split("\n").map((line) => line.split(":"));
  const ids = new Map<Level, number>();
  for (const level of levels) {
    const id = rows.find(([name]) => name === level)?.[2];
    if (id !== undefined && /^\d+$/.test(id)) ids.set(level, Number(id));
  }
  return ids;
}
