import { setTimeout as sleep } from "node:timers/promises";
import { ExponentialBackoff } from "cockatiel";
import { isUmecError } from "../errors.ts";
import { provisionDocuments } from "../hub/documents.ts";
import { type Provisioned, provisionStream } from "../hub/stream.ts";
import type { LogLevel } from "../target/types.ts";
import type { Context } from "./context.ts";
import { connectHub, type HubAddress } from "./hub-connect.ts";
import { createLog, type LogFormat } from "./log.ts";

export interface ClusterOptions extends HubAddress {
  replicas?: number;
  maxBytes?: number;
  maxAge?: number;
  json?: true;
  logFormat: LogFormat;
  logLevel: LogLevel;
}

/** A cluster that was just started elects its leaders first. */
const patienceMs = 30_000;

/** Makes a cluster of the user's own a hub, and says what was done. */
export async function provisionCluster(options: ClusterOptions, context: Context): Promise<void> {
  const { replicas, maxBytes, maxAge, json } = options;
  const { stdout, stderr, signal } = context;
  const log = createLog({ level: options.logLevel, format: options.logFormat, destination: stderr });
  const nc = await connectHub(options);
  try {
    const settings = {
      ...(replicas !== undefined && { replicas }),
      ...(maxBytes !== undefined && { maxBytes }),
      ...(maxAge !== undefined && { maxAgeMs: maxAge }),
    };
    const work = async () => {
      const provisioned = await provisionStream(nc, { log, ...settings });
      await provisionDocuments(nc, replicas === undefined ? {} : { replicas });
      return provisioned;
    };
    const done = await patiently(work, (error) => log.warn("trying again", { error }), signal);
    stdout.write(json ? `${JSON.stringify(done)}\n` : `${doneText(done)}\n`);
  } finally {
    await nc.close();
  }
}

function doneText({ created, changed }: Provisioned): string {
  if (created) return "the stream TELEMETRY was made";
  return changed.length === 0
    ? "the stream TELEMETRY is as it should be"
    : `the stream TELEMETRY was changed: ${changed.join(", ")}`;
}

export async function patiently<T>(
  work: () => Promise<T>,
  onFault: (error: unknown) => void,
  signal: AbortSignal,
  passing: readonly string[] = ["HUB_NOT_READY", "HUB_NO_ANSWER"],
): Promise<T> {
  const untilMs = performance.now() + patienceMs;
  for (let backoff = new ExponentialBackoff({ initialDelay: 250, maxDelay: 4000 }).next(); ; ) {
    try {
      return await work();
    } catch (error) {
      if (!passing.some((code) => isUmecError(error, code)) || performance.now() > untilMs) throw error;
      onFault(error);
    }
    await sleep(backoff.duration, undefined, { signal });
    backoff = backoff.next(undefined);
  }
}
