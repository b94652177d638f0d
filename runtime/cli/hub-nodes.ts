import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, UmecError } from "../errors.ts";
import { writePrivateFile } from "../nats/private-file.ts";

export interface NodeChange {
  add: readonly string[];
  remove: readonly string[];
}

/**
 * The names of the nodes that may link to the hub in `dir`, which `nodes.json` there remembers: a JSON array.
 *
 * @throws UmecError `HUB_NODES_DAMAGED`
 */
export async function readNodes(dir: string): Promise<string[]> {
  const path = join(dir, "nodes.json");
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "[]";
    throw error;
  });
  try {
    const nodes: unknown = JSON.parse(text);
    if (Array.isArray(nodes) && nodes.every((node) => typeof node === "string")) return nodes;
    throw new Error("it is no array of names");
  } catch (cause) {
    throw new UmecError("HUB_NODES_DAMAGED", `${path} can't be read: ${messageOf(cause)}`, {
      cause,
      hint: "delete it and name all nodes again with --node; they keep their credentials",
    });
  }
}

export function changeNodes(nodes: readonly string[], { add, remove }: NodeChange): string[] {
  return [...new Set([...nodes, ...add])].filter((node) => !remove.includes(node)).sort();
}

export async function writeNodes(dir: string, nodes: readonly string[]): Promise<void> {
  await writePrivateFile(join(dir, "nodes.json"), `${JSON.stringify(nodes)}\n`);
}
