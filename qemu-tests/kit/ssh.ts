/** OpenSSH's client, from the root of foreign peers, against a board whose port 22 is forwarded to this machine. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { UmecError } from "../../runtime/errors.ts";

const peers = fileURLToPath(new URL("../../.ci/peers/run", import.meta.url));

export interface SshKey {
  /** Of the private half. */
  path: string;
  /** The line of the public half. */
  line: string;
}

export interface SshEnded {
  /** The command's status; 255 when ssh itself failed. */
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface SshOptions {
  /** More for the client's command line. @default none */
  args?: readonly string[];
  /** @default "" */
  input?: string;
}

export async function makeKey(dir: string, name: string): Promise<SshKey> {
  const path = join(dir, name);
  await promisify(execFile)(peers, [
    "ssh-keygen",
    "-q",
    "-t",
    "ed25519",
    "-N",
    "",
    "-C",
    `${name}@desk`,
    "-f",
    path,
  ]);
  return { path, line: (await readFile(`${path}.pub`, "utf8")).trim() };
}

export class SshClient {
  readonly #port: number;

  /** @param port on this machine, as `board.network.forward(22)` gives it */
  constructor(port: number) {
    this.#port = port;
  }

  start(user: string, key: SshKey, command: string, { args = [], input = "" }: SshOptions = {}) {
    const options = [
      "BatchMode=yes",
      "StrictHostKeyChecking=no",
      "UserKnownHostsFile=/dev/null",
      "LogLevel=ERROR",
    ];
    const mine = ["IdentitiesOnly=yes", "ConnectTimeout=30", "ControlMaster=no"];
    const child: ChildProcess = spawn(peers, [
      ...["ssh", "-F", "none", "-i", key.path, "-p", String(this.#port)],
      ...[...options, ...mine].flatMap((option) => ["-o", option]),
      ...args,
      `${user}@127.0.0.1`,
      ...(command === "" ? [] : [command]),
    ]);
    child.stdin!.on("error", () => {});
    child.stdin!.end(input);
    const ended = Promise.all([text(child.stdout!), text(child.stderr!), once(child, "close")]).then(
      ([stdout, stderr, [code]]): SshEnded => ({ code, stdout, stderr }),
    );
    return { child, ended };
  }

  run(user: string, key: SshKey, command: string, options?: SshOptions): Promise<SshEnded> {
    return this.start(user, key, command, options).ended;
  }

  /** Tries until ssh lets in, or until `timeoutMs` have passed. @throws UmecError `SSH_SHUT` with its last words */
  async opened(user: string, key: SshKey, command: string, timeoutMs: number): Promise<SshEnded> {
    const untilMs = performance.now() + timeoutMs;
    for (;;) {
      const ended = await this.run(user, key, command);
      if (ended.code !== 255) return ended;
      if (performance.now() > untilMs)
        throw new UmecError("SSH_SHUT", `${user} is not let in within ${timeoutMs} ms: ${ended.stderr}`);
      // Nothing tells from outside that a port has opened.
      await delay(1000);
    }
  }
}
