/**
 * A plugin's process as a driver, so that it is supervised as every other: started, stopped, started again with
 * backoff, and shown in the status.
 *
 * The process has a user of its own on the bus, with a plugin's rights. Its credentials lie in a file of the plugin's
 * run directory (mode 0600) that each start writes anew; the file's path is in its environment, the credentials are in
 * nobody's environment or arguments. Nothing else of the node's environment is handed on to a program.
 */
import { join } from "node:path";
import Type from "typebox";
import { makePrivateDirectory } from "../durable-file.ts";
import { messageOf, UmecError } from "../errors.ts";
import type { Log } from "../log.ts";
import { writePrivateFile } from "../nats/private-file.ts";
import type { Driver, Host } from "../plugin/contract.ts";
import { type Confiner, confine } from "./confine.ts";
import { aliveDeadlineMs, type ToNode, type ToPlugin } from "./messages.ts";
import { runProgram } from "./program.ts";
import type { ProcessTarget } from "./types.ts";

export interface ProcessDriverOptions {
  node: string;
  plugin: string;
  process: ProcessTarget;
  /** Files of one run: credentials and configuration. */
  runDir: string;
  /** What the plugin keeps; the process begins there. */
  dir: string;
  busUrl: string;
  /** The text of a credentials file for this run. */
  credentials: () => Promise<Uint8Array>;
  confiner: () => Promise<Confiner>;
  /** For a driver of the bundle: the program and arguments that run it, and what it is told in a file. */
  isolated?: { command: readonly string[]; config: object };
  /** Told at each start. */
  onStart: (started: { pid: number; warnings: string[] }) => void;
  /** Told when an isolated driver's process turns round. */
  onAlive: () => void;
  graceMs: number;
}

/** Paths of what a run has in its directory. */
export const credentialsName = "bus.creds";
export const configName = "config.json";

export function processDriver(options: ProcessDriverOptions): Driver {
  const { process: target, isolated } = options;
  return {
    manifest: {
      name: "process",
      version: "1.0.0",
      kind: "high",
      summary: "A plugin that is a process of its own.",
      options: Type.Object({}),
      points: () => [],
      needs: () => ({}),
      // An isolated driver is watched in its own process; here only that this still turns round.
      deadlineMs: () => (isolated ? aliveDeadlineMs : (target.deadlineMs ?? Number.POSITIVE_INFINITY)),
    },
    run: (_options, host, signal) => run(options, host, signal),
  };
}

async function run(options: ProcessDriverOptions, host: Host, signal: AbortSignal): Promise<void> {
  const { plugin, node, runDir, dir, busUrl, isolated, graceMs } = options;
  const { log } = host;
  const credentials = join(runDir, credentialsName);
  const config = join(runDir, configName);
  await makePrivateDirectory(runDir);
  await makePrivateDirectory(dir);
  await writePrivateFile(credentials, await options.credentials());
  if (isolated) await writePrivateFile(config, JSON.stringify(isolated.config));
  const bare = isolated ? [...isolated.command, config] : options.process.exec!;
  const confiner = await options.confiner();
  const { argv, env, warnings } = confine(bare, options.process, confiner, plugin, isolated !== undefined);

  let reason: UmecError | undefined;
  const take = (message: ToNode, send: (answer: ToPlugin) => void): void => {
    if (message.kind === "alive") options.onAlive();
    else if (message.kind === "time") host.offerTime(message.reading);
    else if (message.kind === "failed") {
      const { hint } = message;
      reason = new UmecError(message.code, message.message, hint === undefined ? {} : { hint });
    } else if (message.kind === "object") {
      host.objects.put(message.object, signal).then(
        () => send({ kind: "object", id: message.id }),
        (error: unknown) => send({ kind: "object", id: message.id, error: told(error) }),
      );
    }
  };
  try {
    await runProgram({
      argv,
      cwd: dir,
      env: {
        ...(isolated ? process.env : { PATH: process.env.PATH ?? "/usr/bin:/bin", LANG: "C.UTF-8" }),
        ...env,
        UMEC_BUS_URL: busUrl,
        UMEC_BUS_CREDS: credentials,
        UMEC_PLUGIN: plugin,
        UMEC_NODE: node,
      },
      signal,
      graceMs,
      onLine: (line, from) =>
        isolated ? hearLog(log, line) : log[from === "stdout" ? "info" : "warn"](line),
      onLeftOut: (lines) => log.warn(`${lines} lines of its output were left out`),
      onStart: (pid) => options.onStart({ pid, warnings }),
      ...(isolated && {
        onMessage: (message: unknown, send: (answer: unknown) => void) => take(message as ToNode, send),
      }),
    });
  } catch (error) {
    throw reason ?? error;
  }
}

function told(error: unknown): { code: string; message: string } {
  const code = error instanceof UmecError ? error.code : "OBJECT_FAILED";
  return { code, message: messageOf(error) };
}

/** A line of the isolated driver's log, as JSON; anything else is something that was printed. */
function hearLog(log: Log, line: string): void {
  try {
    const { level, time: _, msg, ...fields } = JSON.parse(line);
    if (level === "debug" || level === "info" || level === "warn" || level === "error") {
      log[level as "info"](String(msg), fields);
      return;
    }
  } catch {
    // told below
  }
  log.info(line);
}
