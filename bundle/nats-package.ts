import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Architecture, root } from "./paths.ts";
import { runTool } from "./run-tool.ts";

export interface NatsPackage {
  /** Debian's version, as `2.15.1-1`. */
  version: string;
  binary: string;
  /** Text of the package's copyright file. */
  copyright: string;
}

/** Debian's nats-server for an architecture, from the cache or its mirror. */
export async function natsPackage(architecture: Architecture): Promise<NatsPackage> {
  const script = join(root, "bundle/nats-server.sh");
  const stdout = await runTool(script, ["--package", architecture === "x64" ? "amd64" : architecture]);
  const binary = stdout.trim();
  const beside = (name: string) => readFile(join(dirname(binary), name), "utf8");
  return { binary, version: (await beside("version")).trim(), copyright: await beside("copyright") };
}
