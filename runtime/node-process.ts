/** A plugin that is a process of its own, as a driver for its supervisor and as a watch on what it stores. */
import { setPriority } from "node:os";
import { join } from "node:path";
import type { NatsConnection } from "@nats-io/transport-node";
import type { Bus } from "./bus/types.ts";
import type { Handover } from "./handover/give.ts";
import type { Inheritance } from "./handover/take.ts";
import type { Log } from "./log.ts";
import { ProgramServices } from "./node-program.ts";
import type { SampleWatch } from "./outbox/types.ts";
import type { Driver, Quality, Sample } from "./plugin/contract.ts";
import type { PluginStatus } from "./plugin/status.ts";
import type { SupervisedPlugin } from "./plugin/supervisor.ts";
import type { PluginProcessConfig } from "./plugin-process.ts";
import type { Confiner } from "./process/confine.ts";
import { processDriver } from "./process/driver.ts";
import type { ProcessTarget } from "./process/types.ts";
import { qualityLabel, reasonLabel, type SenmlRecord } from "./senml/record.ts";
import type { ClockTrust, PluginTarget } from "./target/types.ts";

/** What processes of plugins need of their node. */
export interface NodeProcesses {
  node: string;
  dataPath: string;
  /** This program, as a command: it runs the drivers of the bundle. */
  umec: readonly string[];
  trust: () => ClockTrust;
  confiner: () => Promise<Confiner>;
  /** What the process before this one has left. */
  inheritance: () => Inheritance | undefined;
}

type ProcessLimits = NonNullable<NonNullable<PluginStatus["process"]>["limits"]>;

export interface ProcessPart {
  /** To be told of each connection in the plugin's account that its supervisor opens. */
  connected(connection: NatsConnection): void;
  driver: Driver;
  /** To be called before its end: where its program is left, if it is left. */
  leaveTo(handover: Handover | undefined): void;
  status(): Pick<PluginStatus, "process">;
  /** Counts what the process stores, and lets `watch` see what it wants. */
  watch(watch: SampleWatch): SampleWatch;
  /** To be called when the supervisor is there. */
  attach(plugin: SupervisedPlugin): void;
}

export function createProcessPart(
  target: PluginTarget & { process: ProcessTarget },
  { node, dataPath, umec, trust, confiner, inheritance }: NodeProcesses,
  { bus, graceMs, log }: { bus: Bus; graceMs: number; log: Log },
): ProcessPart {
  const dir = join(dataPath, "plugins", target.name);
  let started: PluginStatus["process"];
  const asked = limitsOf(target.process);
  let supervised: SupervisedPlugin | undefined;
  let handover: Handover | undefined;
  // Of a program that was left by the process before: it may be ended yet, and then nothing is to be judged by them.
  let early: (readonly SenmlRecord[])[] = [];
  let judge: SampleWatch | undefined;
  const program = target.process.exec && new ProgramServices({ points: target.process.points, dir });
  const config = (): PluginProcessConfig => {
    const { process: _, ...plain } = target;
    return { target: plain, dir, trust: trust(), graceMs };
  };
  const driver = processDriver({
    node,
    plugin: target.name,
    process: target.process,
    runDir: join(dataPath, "run", "plugins", target.name),
    dir,
    busUrl: bus.url,
    credentials: () => bus.pluginCredentials(target.name, { gated: program?.gated ?? false }),
    confiner,
    ...(program && { program }),
    ...(!target.process.exec && { isolated: { command: [...umec, "plugin-process"], config: config() } }),
    claim: async (digest) => inheritance()?.claim(target.name, digest),
    handover: () => handover,
    onStart({ goesOn, ...now }) {
      const said = started?.warnings.join() === now.warnings.join();
      if (goesOn) for (const records of early) judge?.accepted(records);
      early = [];
      started = now;
      yieldToNode(now.pid);
      if (!said) for (const warning of now.warnings) log.warn(warning, { plugin: target.name });
    },
    onAlive: () => supervised?.sign(),
    // Less than the supervisor waits, so that nothing is left behind.
    graceMs: Math.floor(graceMs * 0.75),
  });
  return {
    driver,
    leaveTo(next) {
      handover = next;
    },
    status: () => (started ? { process: { ...started, ...(asked && { limits: asked }) } } : {}),
    connected: (connection) => program?.connected(connection),
    attach(plugin) {
      supervised = plugin;
    },
    watch(watch) {
      judge = watch;
      return {
        wants: () => true,
        accepted(records) {
          supervised?.heard(records.map(sampleOf));
          const wanted = records.filter(({ n }) => watch.wants(n));
          if (wanted.length === 0) return;
          if (started) watch.accepted(wanted);
          else early.push(wanted);
        },
      };
    },
  };
}

function limitsOf({ memoryBytes, cpuPercent, devices }: ProcessTarget): ProcessLimits | undefined {
  if (memoryBytes === undefined && cpuPercent === undefined && !devices) return undefined;
  return {
    ...(memoryBytes !== undefined && { memoryBytes }),
    ...(cpuPercent !== undefined && { cpuPercent }),
    ...(devices && { devices }),
  };
}

/** What is everybody's comes first: the node itself, and its bus. */
function yieldToNode(pid: number): void {
  try {
    setPriority(pid, pluginNice);
  } catch {
    // It has ended already, and that is told by its end.
  }
}

const pluginNice = 5;

function sampleOf(record: SenmlRecord): Sample {
  const { n: name, v, vs, vb, vd, u, s } = record;
  const quality = record[qualityLabel] as Quality | undefined;
  const reason = record[reasonLabel];
  const value = v ?? vb ?? vd ?? (quality === "bad" && vs === "" ? null : vs) ?? s ?? null;
  return {
    name,
    value,
    ...(u !== undefined && { unit: u }),
    ...(quality !== undefined && { quality }),
    ...(reason !== undefined && { reason }),
  };
}
