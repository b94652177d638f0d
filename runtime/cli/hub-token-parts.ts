import { access, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { UmecError } from "../errors.ts";
import { composeCard } from "./flash-card.ts";

/** The keys of a node.yaml that a hub may hand out, as on a card. @throws UmecError as `composeCard` does */
export async function targetOf(path: string): Promise<Record<string, unknown>> {
  return JSON.parse(await composeCard({ name: "any", target: path })).target ?? {};
}

/** The hub's own CA, where nodes are to reach it by TLS and no other was named. */
export async function ownCa(options: {
  data: string;
  hubUrl?: string[];
  ca?: string;
}): Promise<{ ca?: string }> {
  const { data, hubUrl = [], ca } = options;
  const path = join(resolve(data), "tls", "ca.pem");
  if (ca !== undefined || !hubUrl.some((url) => url.startsWith("tls:"))) return {};
  return access(path).then(
    () => ({ ca: path }),
    () => ({}),
  );
}

/** @throws UmecError `HUB_FILE_UNREADABLE` */
export async function textOf(path: string): Promise<string> {
  return readFile(path, "utf8").catch((cause: Error) => {
    throw new UmecError("HUB_FILE_UNREADABLE", `a file can't be read: ${cause.message}`, { cause });
  });
}
