/**
 * A driver of the bundle in a process of its own: the other end of `process/driver.ts`.
 *
 * It runs the driver as the node does, on a connection of its own to the node's bus. What only the node can do - keep
 * an object, take a time, open a secret - it asks for over the channel that it was started with. When that channel ends,
 * so does it: the node is gone. State is a file of the plugin's alone, which it reads and writes itself.
 */
import { readFile } from "node:fs/promises";
import { connect, credsAuthenticator } from "@nats-io/transport-node";
import { makeGate } from "./commands/gate.ts";
import { UmecError } from "./errors.ts";
import type { Log } from "./log.ts";
import { NodeClock } from "./node-clock.ts";
import type { Objects, Secrets, TimeReading } from "./plugin/contract.ts";
import { type PluginTarget, runDriver } from "./plugin/run.ts";
import { openState } from "./plugin/state.ts";
import { aliveMs, type TellableError, type ToNode, type ToPlugin } from "./process/messages.ts";
import type { ClockTrust, DriverSource } from "./target/types.ts";

/** What the node tells it, in a file of the plugin's run directory. */
export interface PluginProcessConfig {
  target: PluginTarget;
  /** The plugin's own directory. */
  dir: string;
  trust: ClockTrust;
  graceMs: number;
}

export interface PluginProcessOptions {
  config: PluginProcessConfig;
  /** As the node gives them in the environment. */
  busUrl: string;
  credentialsPath: string;
  drivers: DriverSource;
  log: Log;
  /** The process: its channel to the node. */
  channel: Pick<NodeJS.Process, "send" | "on" | "connected">;
  signal: AbortSignal;
}

/** Runs the driver until `signal` aborts or the node is gone. @throws what it failed by, after the node was told */
export async function runPluginProcess(options: PluginProcessOptions): Promise<void> {
  const { config, busUrl, credentialsPath, drivers, log, channel } = options;
  const { target, dir } = config;
  const gone = new AbortController();
  channel.on("disconnect", () => gone.abort(new UmecError("PLUGIN_STOPPED", "the node is gone")));
  const signal = AbortSignal.any([options.signal, gone.signal]);
  const tell = (message: ToNode): void => {
    if (channel.connected) channel.send?.(message);
  };
  const alive = setInterval(() => tell({ kind: "alive" }), aliveMs);
  try {
    const driver = await drivers.load(target.driver);
    await using stack = new AsyncDisposableStack();
    const connection = await connect({
      servers: busUrl,
      name: target.name,
      inboxPrefix: `_INBOX_${target.name}`,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 250,
      noAsyncTraces: true,
      authenticator: credsAuthenticator(await readFile(credentialsPath)),
    });
    stack.defer(() => connection.close());
    const clock = new NodeClock(config.trust);
    stack.defer(() => clock.close());
    clock.onKnown(() => {});
    const state = await openState({ dir, log });
    stack.defer(() => state.settle());
    const failure = await runDriver({
      target,
      driver,
      connection,
      clock,
      secrets: remoteSecrets(channel, tell),
      services: {
        state,
        objects: remoteObjects(channel, tell),
        offerTime: (reading: TimeReading) => tell({ kind: "time", reading }),
      },
      log,
      graceMs: config.graceMs,
      makeGate,
      signal,
      observer: {},
      onHost: () => tell({ kind: "alive" }),
      onStopping: () => {},
    });
    if (failure) throw failure;
  } catch (error) {
    if (signal.aborted) return;
    const { code, message, hint } =
      error instanceof UmecError ? error : new UmecError("PLUGIN_START", String(error), { cause: error });
    tell({ kind: "failed", code, message, ...(hint !== undefined && { hint }) });
    throw error;
  } finally {
    clearInterval(alive);
  }
}

/** The node's store of objects; how many may wait for it the node says. */
function remoteObjects(channel: PluginProcessOptions["channel"], tell: (message: ToNode) => void): Objects {
  const waiting = new Map<number, PromiseWithResolvers<void>>();
  let lastId = 0;
  channel.on("message", (message: unknown) => {
    const answer = message as ToPlugin;
    if (answer.kind !== "object") return;
    const { id, error } = answer;
    const asked = waiting.get(id);
    waiting.delete(id);
    if (error) asked?.reject(new UmecError(error.code, error.message));
    else asked?.resolve();
  });
  channel.on("disconnect", () => {
    for (const { reject } of waiting.values()) reject(new UmecError("OBJECT_FAILED", "the node is gone"));
    waiting.clear();
  });
  return {
    async put(object, signal) {
      signal?.throwIfAborted();
      if (waiting.size >= mostWaiting)
        throw new UmecError("OBJECT_FAILED", `${mostWaiting} objects wait for the disk: slow down`);
      const id = ++lastId;
      const asked = Promise.withResolvers<void>();
      waiting.set(id, asked);
      const giveUp = (): void => asked.reject(signal?.reason);
      signal?.addEventListener("abort", giveUp, { once: true });
      tell({ kind: "object", id, object });
      await asked.promise.finally(() => signal?.removeEventListener("abort", giveUp));
    },
  };
}

/** The node's secrets, as far as this plugin may have them; asked for at each `get`, and kept nowhere. */
function remoteSecrets(channel: PluginProcessOptions["channel"], tell: (message: ToNode) => void): Secrets {
  const waiting = new Map<number, PromiseWithResolvers<string>>();
  let lastId = 0;
  channel.on("message", (message: unknown) => {
    const answer = message as ToPlugin;
    if (answer.kind !== "secret") return;
    const asked = waiting.get(answer.id);
    waiting.delete(answer.id);
    if ("text" in answer) asked?.resolve(answer.text);
    else asked?.reject(new UmecError(answer.error.code, answer.error.message, hintOf(answer.error)));
  });
  channel.on("disconnect", () => {
    for (const { reject } of waiting.values()) reject(new UmecError("SECRET_UNREADABLE", "the node is gone"));
    waiting.clear();
  });
  return {
    get(name) {
      const id = ++lastId;
      const asked = Promise.withResolvers<string>();
      waiting.set(id, asked);
      tell({ kind: "secret", id, name });
      return asked.promise;
    },
  };
}

function hintOf({ hint }: TellableError): { hint?: string } {
  return hint === undefined ? {} : { hint };
}

const mostWaiting = 4;
