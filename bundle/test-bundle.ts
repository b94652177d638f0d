/** A bundle for this machine, in a folder of its own, for tests. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { findNatsServer } from "../runtime/nats/find-server.ts";
import { type Bundle, makeBundle } from "./bundle.ts";
import type { Architecture } from "./paths.ts";

export const here = process.arch as Architecture;

export interface TestBundle extends Bundle {
  dir: string;
}

/** With whatever nats-server the tests have: its package's copyright file is not looked for. */
export async function makeTestBundle(parent: string): Promise<TestBundle> {
  const { path, version } = await findNatsServer();
  const nats = { version, binary: path, copyright: "License: Apache-2.0, of nats-server" };
  const dir = join(parent, "dist", "umec");
  return { ...(await makeBundle({ architecture: here, outDir: dir, nats })), dir };
}

export interface StartOptions {
  cwd: string;
  env?: Readonly<Record<string, string>>;
}

/** Starts its program as on a board: nothing of this tree is in the environment. */
export function start(program: string, args: readonly string[], { cwd, env = {} }: StartOptions) {
  const path = { PATH: "/usr/bin:/bin" };
  const child = spawn(program, args, { cwd, env: { ...path, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]).then(
    ([stdout, stderr, [code]]) => ({ code: code as number | null, stdout, stderr }),
  );
  return { child, ended };
}
