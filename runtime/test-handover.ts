/**
 * For node-handover.test.ts: a node that is replaced by another of the same scripts, as the same process, at SIGUSR2.
 * `next.json` beside the target file says which target the next one has, and what happens in between.
 */
import { ftruncateSync, readFileSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { handoverName, readRecord } from "./handover/record.ts";
import { takeHandover } from "./handover/take.ts";
import { findNatsServer } from "./nats/find-server.ts";
import { startNode } from "./node.ts";
import { recordingLog } from "./plugin/testkit.ts";

export interface Next {
  target: string;
  between?: "garbage" | "another format" | "a program ends" | "nats-server ends" | "the node is killed";
}

const path = process.argv[2] ?? "";
const ended = new AbortController();
process.once("SIGTERM", () => ended.abort());
const log = recordingLog(({ level, message }) => {
  if (level !== "debug") process.stderr.write(`${level} ${message}\n`);
});
const { path: natsServerPath } = await findNatsServer();
const inheritance = await takeHandover(log);
const node = await startNode({
  path,
  natsServerPath,
  log,
  signal: new AbortController().signal,
  inheritance,
});
const stop = (): void => void node.stop().then(() => process.exit(0));
ended.signal.addEventListener("abort", stop, { once: true });
if (ended.signal.aborted) stop();
process.once("SIGUSR2", () => void replace());

async function replace(): Promise<void> {
  const { target, between } = JSON.parse(readFileSync(join(dirname(path), "next.json"), "utf8")) as Next;
  const left = await node.handOver();
  const env = Object.fromEntries(Object.entries(process.env).map(([name, value]) => [name, value ?? ""]));
  delete env[handoverName];
  if (left) {
    const descriptor = await left.write();
    if (between) disturb(descriptor, between);
    env[handoverName] = String(descriptor);
  }
  process.execve?.(process.execPath, [process.execPath, ...process.execArgv, process.argv[1]!, target], env);
}

function disturb(descriptor: number, what: NonNullable<Next["between"]>): void {
  const record = readRecord(descriptor);
  const overwrite = (text: string): void => {
    ftruncateSync(descriptor, 0);
    writeSync(descriptor, text, 0);
  };
  switch (what) {
    case "garbage":
      overwrite('{"format":1,"node":');
      return;
    case "another format":
      overwrite(JSON.stringify({ ...record, format: 2 }));
      return;
    case "a program ends":
      process.kill(record.programs[0]!.pid, "SIGKILL");
      return;
    case "nats-server ends":
      process.kill(record.bus.server.pid, "SIGKILL");
      return;
    case "the node is killed":
      process.kill(process.pid, "SIGKILL");
  }
}
