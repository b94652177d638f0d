/**
 * A plugin's process as a driver, so that it is supervised as every other: started, stopped, started again with
 * backoff, and shown in the status.
 *
 * The process has a user of its own on the bus, with a plugin's rights. Its credentials lie in a file of the plugin's
 * run directory (mode 0600) that each start writes anew; the file's path is in its environment, the credentials are in
 * nobody's environment or arguments. Nothing else of the node's environment is handed on to a program.
 *
 * Where it has a control group, that is made before its start and ended after its end, whatever was the reason: then
 * nothing that it has started is left.
 *
 * A program may go on while the runtime's scripts are replaced by others: it is left to them with a digest of all that
 * it was started with, and taken over where they would start it with the same. A driver of the bundle is a part of the
 * scripts, and starts anew with them.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import Type from "typebox";
import { makePrivateDirectory } from "../durable-file.ts";
import { messageOf, UmecError } from "../errors.ts";
import { type Handover, leaveStream } from "../handover/give.ts";
import { startTicksOf } from "../handover/record.ts";
import type { AdoptedProgram } from "../handover/take.ts";
import type { Log } from "../log.ts";
import { writePrivateFile } from "../nats/private-file.ts";
import type { Driver, Host, Point } from "../plugin/contract.ts";
import { endGroup, makeGroup } from "./cgroup.ts";
import { type Confiner, confine } from "./confine.ts";
import { deviceNodes, watchDevices } from "./devices.ts";
import { whyForMemory } from "./memory-end.ts";
import { aliveDeadlineMs, type TellableError, type ToNode, type ToPlugin } from "./messages.ts";
import { type LeftProgram, runProgram } from "./program.ts";
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
  /** For a program: its points, where it takes commands, and what the node does for it on the bus. */
  program?: {
    points: readonly Point[];
    commands: string;
    begin(host: Host, signal: AbortSignal): Promise<void>;
  };
  /** What the process before has left: a program that was started with the same. @default nothing */
  claim?: (digest: string) => Promise<AdoptedProgram | undefined>;
  /** Where a program is left, once a run ends by `PLUGIN_HANDED_OVER`. */
  handover?: () => Handover | undefined;
  /** Told at each start; also of one that goes on. */
  onStart: (started: { pid: number; warnings: string[]; goesOn: boolean }) => void;
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
      points: () => [...(options.program?.points ?? [])],
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
  await options.program?.begin(host, signal);
  if (isolated) await writePrivateFile(config, JSON.stringify(isolated.config));
  const bare = isolated ? [...isolated.command, config] : options.process.exec!;
  const confiner = await options.confiner();
  const holdsDevices = confiner.kind === "systemd" || confiner.noGuard === undefined;
  const devices = (holdsDevices && options.process.devices) || [];
  const renewed = new AbortController();
  const ended = AbortSignal.any([signal, renewed.signal]);
  let reason: UmecError | undefined;
  const renew = (path: string): void => {
    reason = new UmecError("PROCESS_DEVICE", `${path} is another device now than at the plugin's start`);
    renewed.abort(reason);
  };
  // Before the start: a device that changes in between costs one start more, and is not overlooked.
  await using stack = new AsyncDisposableStack();
  const watching = new AbortController();
  stack.defer(() => watching.abort());
  await watchDevices(devices, renew, { signal: watching.signal });
  const confined = await confine(bare, options.process, confiner, plugin, isolated !== undefined);
  const { argv, warnings, group } = confined;
  const env = {
    ...(isolated
      ? ownEnvironment(process.env)
      : { PATH: process.env.PATH ?? "/usr/bin:/bin", LANG: "C.UTF-8" }),
    ...confined.env,
    UMEC_BUS_URL: busUrl,
    UMEC_BUS_CREDS: credentials,
    UMEC_PLUGIN: plugin,
    UMEC_NODE: node,
    ...(options.program && { UMEC_COMMANDS: options.program.commands }),
  };
  const started = { argv, dir, env, limits: options.process, devices: await deviceNodes(devices) };
  const digest = createHash("sha256").update(JSON.stringify(started)).digest("hex");
  // Also of a driver of the bundle: what was left under its name must end before it starts.
  const adopted = await options.claim?.(digest);
  let isLeft = false;
  const leave = (left: LeftProgram): boolean => {
    const record = recordOf(left);
    const handover = options.handover?.();
    if (!record || !handover) return false;
    handover.program({ ...record, plugin, digest, ...(group && { group: group.path }) });
    isLeft = true;
    return true;
  };
  if (group) {
    if (!adopted) await makeGroup(group.home, group.path, options.process);
    // What can't be ended now the next start has to end.
    stack.defer(async () => {
      if (!isLeft) await endGroup(group.path).catch((error: unknown) => log.warn(messageOf(error)));
    });
  }
  if (adopted) log.info("its program goes on", { pid: adopted.pid });

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
    } else if (message.kind === "secret") {
      const { id } = message;
      host.secrets.get(message.name).then(
        (text) => send({ kind: "secret", id, text }),
        (error: unknown) => send({ kind: "secret", id, error: told(error) }),
      );
    }
  };
  try {
    await runProgram({
      argv,
      cwd: dir,
      env,
      adopted,
      ...(!isolated && { onLeft: leave }),
      signal: ended,
      graceMs,
      onLine: (line, from) =>
        isolated ? hearLog(log, line) : log[from === "stdout" ? "info" : "warn"](line),
      onLeftOut: (lines) => log.warn(`${lines} lines of its output were left out`),
      onStart: (pid) => options.onStart({ pid, warnings, goesOn: adopted !== undefined }),
      ...(isolated && {
        onMessage: (message: unknown, send: (answer: unknown) => void) => take(message as ToNode, send),
      }),
    });
  } catch (error) {
    const forMemory = group && (await whyForMemory(group.path, options.process.memoryBytes));
    throw forMemory ?? reason ?? error;
  }
  if (renewed.signal.aborted && !signal.aborted) throw renewed.signal.reason;
}

/** What another process has to know of it; `undefined` where it has ended, or has closed one of its pipes. */
function recordOf({ pid, stdin, stdout, stderr }: LeftProgram) {
  const startTicks = startTicksOf(pid);
  if (startTicks === undefined) return undefined;
  try {
    const pipes = { stdin: leaveStream(stdin), stdout: leaveStream(stdout), stderr: leaveStream(stderr) };
    return { pid, startTicks, ...pipes };
  } catch {
    return undefined;
  }
}

function told(error: unknown): TellableError {
  const { code, hint } = error instanceof UmecError ? error : { code: "PLUGIN_FAILED", hint: undefined };
  return { code, message: messageOf(error), ...(hint !== undefined && { hint }) };
}

/** The node's environment without what it was given in confidence. */
function ownEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const confided = (name: string) => name.startsWith("UMEC_SECRET_") || name === "CREDENTIALS_DIRECTORY";
  return Object.fromEntries(Object.entries(env).filter(([name]) => !confided(name)));
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
