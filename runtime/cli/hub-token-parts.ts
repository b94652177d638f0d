import { readFile } from "node:fs/promises";
import { UmecError } from "../errors.ts";
import { composeCard } from "./flash-card.ts";

/** The keys of a node.yaml that a hub may hand out, as on a card. @throws UmecError as `composeCard` does */
export async function targetOf(path: string): Promise<Record<string, unknown>> {
  return JSON.parse(await composeCard({ name: "any", target: path })).target ?? {};
}

/** @throws UmecError `HUB_FILE_UNREADABLE` */
export async function textOf(path: string): Promise<string> {
  return readFile(path, "utf8").catch((cause: Error) => {
    throw new UmecError("HUB_FILE_UNREADABLE", `a file can't be read: ${cause.message}`, { cause });
  });
}
