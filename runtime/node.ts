/**
 * The composition root of a node: it wires bus, outbox, plugins and link by plain arguments, and leads them to
 * the target state that its file describes.
 *
 * Order matters at two moments. At the start: the outbox opens before anything can emit, and the link comes
 * last. At the stop: drivers first, then their ways into the outbox, then the link (what is in flight gets a
 * moment to be acknowledged), then the outbox, then the bus; so nothing that was acknowledged is lost, and what
 * the hub has stored is erased.
 */
import { dirname, join, resolve } from "node:path";
import { ExponentialBackoff, type IBackoff } from "cockatiel";
import { Alarms } from "./alarms/alarms.ts";
import type { ApiTarget } from "./api/types.ts";
import { startBus } from "./bus/bus.ts";
import type { AppListener, Bus } from "./bus/types.ts";
import { drivers } from "./drivers.ts";
import { createHand } from "./enrol/hand.ts";
import { messageOf, UmecError } from "./errors.ts";
import type { Handover } from "./handover/give.ts";
import type { Inheritance } from "./handover/take.ts";
import { Keyring } from "./identity/keyring.ts";
import type { Log } from "./log.ts";
import { LiveAlarms } from "./node-alarms.ts";
import type { NodeApi } from "./node-api.ts";
import { NodeClock } from "./node-clock.ts";
import { NodeCommands } from "./node-commands.ts";
import type { RunningDocuments } from "./node-documents.ts";
import { NodeHandover } from "./node-handover.ts";
import { NodeHealth } from "./node-health.ts";
import { NodeLink } from "./node-link.ts";
import { openNodeObjects } from "./node-objects.ts";
import { NodePeople } from "./node-people.ts";
import { type NodePlugin, startNodePlugin } from "./node-plugin.ts";
import { SampleTap } from "./node-tap.ts";
import type { NodeUpdate, UpdateParts } from "./node-update.ts";
import type { Spool } from "./objects/spool.ts";
import { Outbox } from "./outbox/outbox.ts";
import { createSecrets, secretNames } from "./plugin/secrets.ts";
import type { PluginStatus } from "./plugin/status.ts";
import { type Confiner, findConfiner } from "./process/confine.ts";
import { keepClockToOurselves } from "./set-clock.ts";
import type { NodeStatus } from "./status.ts";
import { checkTarget } from "./target/check.ts";
import { type Finding, formatFinding } from "./target/finding.ts";
import { createReconciler, type Outcome, type Reconciler } from "./target/reconcile.ts";
import { describeStep, type Step } from "./target/step.ts";
import type { DriverSource, LogLevel, OutboxTarget, PluginTarget, Target } from "./target/types.ts";
import { watchTarget } from "./target/watch.ts";
import { version } from "./version.ts";

export interface NodeOptions {
  /** The target file. */
  path: string;
  natsServerPath: string;
  log: Log;
  /** Left out when the level is not the target's to choose. */
  setLogLevel?(level: LogLevel): void;
  /** Ends waiting; `stop` ends the node. */
  signal: AbortSignal;
  /** @default those that come with the runtime */
  drivers?: DriverSource;
  /** The command that runs this program, for drivers in a process of their own. @default as this process was started */
  umec?: readonly string[];
  /** What the process before has left. @default nothing */
  inheritance?: Inheritance | undefined;
  /** For tests, in the place of a board's slots. @default RAUC, where this machine has slots */
  update?: UpdateParts;
}

/** Why a node is done. */
export interface NodeEnd {
  /** It goes on in a new process. */
  restart: boolean;
  /** To be called when the node has stopped: restarts the machine. Rejects when it can't; does not resolve where it works. */
  restartMachine?(): Promise<void>;
}

export interface RunningNode {
  status(): Promise<NodeStatus>;
  /** Resolves when the node can only go on in a new process. */
  done: Promise<NodeEnd>;
  /** Drains and stops within about 4 s. May be called again. */
  stop(): Promise<void>;
  /** `stop`, but programs of plugins go on, and the bus with them; `undefined` where there are none, or it has stopped. */
  handOver(): Promise<Handover | undefined>;
}

/** Where a node listens for `umec status`. */
export function controlPath(dataPath: string): string {
  return join(dataPath, "run", "umec.sock");
}

/** Longest time that the stopping node waits for the hub to acknowledge what is in flight. */
const farewellMs = 1_500;
/** A node that reaches its hub, but not the time, believes its clock after this. */
const assumeClockMs = 60_000;
const mostFormerPlugins = 32;
const retryBackoff = new ExponentialBackoff({ initialDelay: 1_000, maxDelay: 60_000 });

/** Starts a node; resolves once its file has been read, with whatever came of that in the status. */
export async function startNode(options: NodeOptions): Promise<RunningNode> {
  const node = new UmecNode(options);
  try {
    await node.start();
    return node;
  } catch (error) {
    await node.stop();
    throw error;
  }
}

class UmecNode implements RunningNode {
  readonly #options: NodeOptions;
  readonly #drivers: DriverSource;
  readonly #log: Log;
  readonly #clock: NodeClock;
  readonly #startedAt = new Date().toISOString();
  readonly #ended = new AbortController();
  readonly #done = Promise.withResolvers<NodeEnd>();
  readonly #plugins = new Map<string, NodePlugin>();
  #formerPlugins: PluginStatus[] = [];
  readonly #accounts = new Set<string>();
  readonly #reconciler: Reconciler;
  readonly #health: NodeHealth;
  readonly #tap = new SampleTap();
  readonly #handover: NodeHandover;

  #name = "";
  #dataPath = "";
  #keyring: Keyring | undefined;
  #bus: Bus | undefined;
  #outbox: Outbox | undefined;
  #confiner: Promise<Confiner> | undefined;
  #spool: Spool | undefined;
  #alarms: Alarms | undefined;
  #link: NodeLink | undefined;
  #commands: NodeCommands | undefined;
  #liveAlarms: LiveAlarms | undefined;
  #people: NodePeople | undefined;
  #documents: RunningDocuments | undefined;
  #update: NodeUpdate | undefined;
  #api: NodeApi | undefined;
  #rest: Promise<void> | undefined;

  #target: Target | undefined;
  #state: Exclude<NodeStatus["target"]["state"], "invalid"> = "reaching";
  /** The file's last text was refused. */
  #invalid = false;
  #findings: Finding[] = [];
  #failures: string[] = [];
  #retry: NodeJS.Timeout | undefined;
  #backoff: IBackoff<unknown> | undefined;
  #assume: NodeJS.Timeout | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: NodeOptions) {
    this.#options = options;
    this.#drivers = options.drivers ?? drivers;
    this.#log = options.log;
    this.#handover = new NodeHandover(options.inheritance, options.log);
    this.#clock = new NodeClock("auto", { log: options.log.child({ part: "clock" }) });
    this.#health = new NodeHealth({
      runtimeDirectory: process.env.RUNTIME_DIRECTORY,
      version,
      log: this.#log.child({ part: "health" }),
    });
    this.#reconciler = createReconciler({
      apply: (step) => this.#apply(step),
      log: this.#log.child({ part: "target" }),
    });
  }

  get done(): Promise<NodeEnd> {
    return this.#done.promise;
  }

  async start(): Promise<void> {
    const first = Promise.withResolvers<void>();
    await watchTarget(this.#options.path, {
      onChange: (text) => void this.#take(text).then(first.resolve, first.reject),
      onFault: (fault) => {
        this.#refuse(fault.message);
        if (!this.#target) first.reject(fault);
      },
      log: this.#log,
      signal: this.#ended.signal,
    });
    await first.promise;
  }

  /** A new text of the target file. An invalid one changes nothing but the status. */
  async #take(text: string): Promise<void> {
    const { path } = this.#options;
    const { target, findings } = await checkTarget(text, { path, drivers: this.#drivers });
    this.#findings = findings;
    if (!target) {
      this.#refuse("the target file has errors");
      if (!this.#target) throw new UmecError("TARGET_INVALID", `${path} has errors`);
      return;
    }
    const first = this.#target === undefined;
    this.#invalid = false;
    this.#target = target;
    this.#health.setTarget(target);
    this.#backoff = undefined;
    const outcome = await this.#reconcile(target);
    if (first) await this.#handover.settle(this.#bus, target);
    const failure = outcome.kind === "failed" && outcome.failures.find(({ step }) => step.kind === "open");
    // A node that can't open its data at the start has nothing to go on with.
    if (first && failure) throw failure.error;
  }

  /** A text that somebody else would make the target file: the target that it says, or its errors. */
  async #judge(text: string): Promise<{ target?: Target; errors: string[] }> {
    const { path } = this.#options;
    const { target, findings } = await checkTarget(text, { path, drivers: this.#drivers });
    const errors = findings.filter(({ severity }) => severity === "error").map(formatFinding);
    return { ...(target && { target }), errors };
  }

  #refuse(reason: string): void {
    this.#invalid = true;
    this.#log.error(`${reason}: what was before goes on`);
    for (const finding of this.#findings) this.#log.error(formatFinding(finding));
  }

  async #reconcile(target: Target): Promise<Outcome> {
    clearTimeout(this.#retry);
    this.#state = "reaching";
    let outcome = await this.#reconciler.reconcile(target, this.#ended.signal);
    const people = this.#people;
    try {
      if (people) this.#rest ??= this.#openRest(people);
      await this.#rest;
    } catch (error) {
      this.#rest = undefined;
      const step = { kind: "open", node: this.#name, dataPath: this.#dataPath } as const;
      if (outcome.kind === "reached") outcome = { kind: "failed", failures: [{ step, error }] };
      else this.#log.error(messageOf(error));
    }
    if (target === this.#target) this.#conclude(target, outcome);
    return outcome;
  }

  #conclude(target: Target, outcome: Outcome): void {
    this.#failures = [];
    switch (outcome.kind) {
      case "superseded":
        return;
      case "reached":
        this.#state = "reached";
        this.#health.setReached(true);
        this.#documents?.concluded([]);
        this.#backoff = undefined;
        return;
      case "needs-restart":
        this.#state = "needs-restart";
        this.#done.resolve({ restart: true });
        return;
      case "failed":
        this.#state = "failed";
        this.#failures = outcome.failures.map(
          ({ step, error }) => `${describeStep(step)}: ${messageOf(error)}`,
        );
        this.#health.setReached(false, this.#failures);
        this.#documents?.concluded(this.#failures);
        this.#backoff = (this.#backoff ?? retryBackoff).next(undefined) as IBackoff<unknown>;
        this.#retry = setTimeout(() => {
          this.#reconcile(target).catch((error: unknown) => this.#log.debug(messageOf(error)));
        }, this.#backoff.duration);
    }
  }

  async #apply(step: Step): Promise<void> {
    switch (step.kind) {
      case "needs-restart":
        return;
      case "open":
        return this.#open(step.node, step.dataPath);
      case "set-log-level":
        this.#options.setLogLevel?.(step.level);
        return;
      case "set-clock":
        this.#clock.setTrust(step.trust);
        return this.#watchClock();
      case "set-outbox":
        return this.#opened.outbox.configure(step.outbox);
      case "set-objects":
        this.#opened.link.setObjectRate(step.objects.bytesPerS);
        return this.#opened.spool.configure(step.objects);
      case "set-update":
        return this.#update?.wake();
      case "set-gate":
        // Known since the target was taken: it must not wait for the node to open.
        return;
      case "set-alarms":
        return this.#opened.alarms.set(step.alarms);
      case "set-users":
        return this.#people?.setUsers(step.users);
      case "add-accounts":
        for (const name of step.plugins) this.#accounts.add(name);
        return this.#opened.bus.setPlugins([...this.#accounts]);
      case "remove-accounts":
        for (const name of step.plugins) this.#accounts.delete(name);
        return this.#opened.bus.setPlugins([...this.#accounts]);
      case "start-plugin":
      case "restart-plugin":
        return this.#startPlugin(step.plugin);
      case "adjust-plugin":
        return this.#plugins.get(step.plugin.name)?.adjust(step.plugin);
      case "stop-plugin":
        return this.#stopPlugin(step.plugin);
      case "set-link":
        return this.#opened.link.set(step.link);
      case "set-apps":
        return this.#api?.setApps(step.apps);
      case "set-api":
        return this.#setApi(step.api);
    }
  }

  async #open(name: string, dataPath: string): Promise<void> {
    const { natsServerPath } = this.#options;
    const log = this.#log;
    this.#name = name;
    this.#dataPath = dataPath;
    this.#keyring ??= new Keyring({
      dir: join(dataPath, "keys"),
      env: process.env,
      log: log.child({ part: "identity" }),
    });
    const keyring = this.#keyring;
    // It has said why, and the node does without.
    await keyring.open().catch(() => undefined);
    const limits: OutboxTarget = this.#target?.outbox ?? {
      quotaBytes: 256 * 1024 * 1024,
      commitMs: 10,
      commitBytes: 262_144,
    };
    const path = join(dataPath, "outbox", "outbox.db");
    this.#outbox ??= await Outbox.open({
      path,
      ...limits,
      clock: this.#clock,
      log: log.child({ part: "outbox" }),
    });
    this.#alarms ??= await Alarms.open({
      path: join(dataPath, "alarms.json"),
      outbox: this.#outbox,
      clock: this.#clock,
      log: log.child({ part: "alarms" }),
      onTold: (alarm, records) => this.#liveAlarms?.tell(alarm, records),
    });
    // Also when there are none now: one that was raised and is gone is cleared.
    this.#alarms.set(this.#target?.alarms ?? []);
    const objects = this.#target?.objects ?? { quotaBytes: 64 * 2 ** 20, bytesPerS: 2 ** 20 };
    this.#spool ??= await openNodeObjects({
      dataPath,
      quotaBytes: objects.quotaBytes,
      outbox: this.#outbox,
      clock: this.#clock,
      log: log.child({ part: "objects" }),
    });
    await keepClockToOurselves();
    this.#bus ??= await startBus({
      node: name,
      dir: join(dataPath, "run", "bus"),
      natsServerPath,
      plugins: [],
      ...(await this.#firstListener()),
      ...(await this.#handover.open(name, dataPath)),
      log: log.child({ part: "bus" }),
    });
    this.#liveAlarms ??= await LiveAlarms.open(name, this.#bus);
    const enrol = {
      dataPath,
      targetPath: resolve(this.#options.path),
      check: async (text: string) => (await this.#judge(text)).errors,
    };
    this.#link ??= new NodeLink({
      node: name,
      identity: () => keyring.open(),
      bus: this.#bus,
      outbox: this.#outbox,
      spool: this.#spool,
      enrol: { ...enrol, clock: this.#clock },
      log,
      objectBytesPerS: objects.bytesPerS,
    });
    const link = this.#link;
    this.#health.opened(this.#outbox, () => link.hasSent);
    this.#commands ??= new NodeCommands(name, this.#bus);
    const commands = this.#commands;
    this.#people ??= await NodePeople.open({
      controlPath: controlPath(dataPath),
      dataPath,
      targetPath: resolve(this.#options.path),
      outbox: this.#outbox,
      clock: this.#clock,
      log: log.child({ part: "people" }),
      status: () => this.status(),
      command: (command) => commands.send(command),
      check: (text) => this.#judge(text),
      target: () => this.#target,
      update: () => {
        if (this.#update) return this.#update;
        throw new UmecError("UPDATE_NOT_READY", "the updater does not run yet", { hint: "try again" });
      },
      hand: createHand({ ...enrol, node: name, identity: () => keyring.open(), log }),
      runtimeDirectory: process.env.RUNTIME_DIRECTORY,
    });
    // Also when there are none now: those of an earlier process may log in no more.
    await this.#people.setUsers(this.#target?.users ?? []);
  }

  /** What can wait until the plugins run: their first samples come before. */
  async #openRest(people: NodePeople): Promise<void> {
    const { bus, outbox, link } = this.#opened;
    const [{ openNodeDocuments }, { NodeUpdate }] = await Promise.all([
      import("./node-documents.ts"),
      import("./node-update.ts"),
    ]);
    this.#documents ??= await openNodeDocuments({
      ...{ node: this.#name, dataPath: this.#dataPath, bus, people },
      link: () => this.#target?.link,
      redial: (signal) => link.redial(60_000, signal),
      log: this.#log.child({ part: "documents" }),
    });
    this.#update ??= await NodeUpdate.open({
      dir: join(dirname(resolve(this.#options.path)), "update"),
      ...{ bus, documents: this.#documents.documents, outbox, clock: this.#clock },
      settings: () => this.#target?.update ?? { automatic: true, rateBytesPerS: 512 * 1024 },
      leave: (restartMachine) => {
        this.#done.resolve({ restart: true, restartMachine });
        return new Promise(() => {});
      },
      parts: this.#options.update,
      log: this.#log.child({ part: "update" }),
    });
  }

  get #opened(): {
    keyring: Keyring;
    outbox: Outbox;
    spool: Spool;
    alarms: Alarms;
    bus: Bus;
    link: NodeLink;
  } {
    if (!this.#keyring || !this.#outbox || !this.#spool || !this.#alarms || !this.#bus || !this.#link)
      throw new UmecError("NODE_NOT_OPEN", "the node is not open");
    return {
      keyring: this.#keyring,
      outbox: this.#outbox,
      spool: this.#spool,
      alarms: this.#alarms,
      bus: this.#bus,
      link: this.#link,
    };
  }

  async #startPlugin(target: PluginTarget): Promise<void> {
    await this.#stopPlugin(target.name);
    const { bus, outbox, alarms, spool } = this.#opened;
    const plugin = await startNodePlugin(target, {
      dir: join(this.#dataPath, "plugins", target.name),
      objects: { put: (object, signal) => spool.put(target.name, object, signal) },
      offerTime: (reading) => void this.#clock.offer(reading, target.name),
      bus,
      outbox,
      watch: this.#tap.watch(target.name, this.#health.watch(target.name, alarms.watch(target.name))),
      clock: this.#clock,
      secrets: createSecrets({
        dir: join(this.#dataPath, "secrets"),
        names: secretNames(target.options),
        open: (name) => this.#openSealed(name),
      }),
      load: (driver) => this.#drivers.load(driver),
      processes: {
        node: this.#name,
        dataPath: this.#dataPath,
        umec: this.#options.umec ?? [process.execPath, ...process.execArgv, process.argv[1] ?? ""],
        trust: () => this.#target?.clock.trust ?? "auto",
        confiner: () => {
          this.#confiner ??= findConfiner();
          return this.#confiner;
        },
        inheritance: () => this.#handover.inheritance,
      },
      log: this.#log,
    });
    this.#plugins.set(target.name, plugin);
    plugin.onChange(() => void this.#api?.pluginsChanged());
    void this.#api?.pluginsChanged();
  }

  /** A secret that the target state has sealed; `undefined` of another one. */
  #openSealed(name: string): Promise<Uint8Array> | undefined {
    const sealed = this.#target?.secrets?.get(name);
    if (sealed === undefined) return undefined;
    return this.#opened.keyring.open().then((identity) => identity.unseal(sealed, name));
  }

  /** Only a plugin that has stopped leaves the status: until then it may still emit. */
  async #stopPlugin(name: string): Promise<void> {
    const plugin = this.#plugins.get(name);
    if (!plugin) return;
    await plugin.stop(this.#handover.given);
    this.#plugins.delete(name);
    const others = this.#formerPlugins.filter((former) => former.name !== name);
    this.#formerPlugins = [...others, plugin.status()].slice(-mostFormerPlugins);
    void this.#api?.pluginsChanged();
  }

  /** The listener for applications that the bus can begin with; a later one would cost it a new start. */
  async #firstListener(): Promise<{ apps?: AppListener }> {
    const api = this.#target?.api;
    if (!api?.bus) return {};
    const { firstListener } = await import("./node-api.ts");
    const place = { node: this.#name, dataPath: this.#dataPath, nowMs: this.#clock.nowMs() };
    const apps = await firstListener(api, { ...place, log: this.#log.child({ part: "api" }) });
    return apps ? { apps } : {};
  }

  async #setApi(target: ApiTarget | undefined): Promise<void> {
    if (!target) {
      await this.#api?.stop({ closed: true });
      this.#api = undefined;
      return;
    }
    const { bus } = this.#opened;
    const { NodeApi } = await import("./node-api.ts");
    this.#commands ??= new NodeCommands(this.#name, bus);
    const commands = this.#commands;
    this.#api ??= new NodeApi({
      ...{ node: this.#name, dataPath: this.#dataPath, bus, tap: this.#tap, clock: this.#clock },
      command: (command) => commands.send(command),
      plugins: () => this.#running(),
      drivers: this.#drivers,
      log: this.#log.child({ part: "api" }),
    });
    return this.#api.set(target, this.#target?.apps ?? []);
  }

  *#running(): Iterable<{ target: PluginTarget; status: PluginStatus }> {
    for (const target of this.#target?.plugins ?? []) {
      const plugin = this.#plugins.get(target.name);
      if (plugin) yield { target, status: plugin.status() };
    }
  }

  #watchClock(): void {
    this.#clock.close();
    clearTimeout(this.#assume);
    void this.#outbox?.checkClock();
    this.#clock.onKnown(() => {
      void this.#outbox?.checkClock();
      this.#link?.wake();
    });
    if (this.#clock.known()) return;
    this.#log.warn("the clock is not known yet: samples are stored, and sent once it is");
    this.#assume = setTimeout(() => this.#assumeClock(), assumeClockMs);
  }

  #assumeClock(): void {
    if (this.#clock.known() || this.#target?.clock.trust !== "auto" || this.#link?.state === "off") return;
    this.#log.warn("nobody tells the time: the clock is believed as it is", {
      now: new Date().toISOString(),
    });
    this.#clock.assume();
    void this.#outbox?.checkClock();
    this.#link?.wake();
  }

  async status(): Promise<NodeStatus> {
    const { keyring, outbox, spool, alarms, bus, link } = this.#opened;
    const chains = outbox.chains().map(({ plugin, lane, nextRow, waitingRows, waitingSamples }) => {
      return { plugin, lane, nextRow, waitingRows, waitingSamples };
    });
    const enrolment = link.enrolment();
    const update = this.#update?.status();
    const [linkStats, { memoryBytes }, api] = await Promise.all([
      link.stats(),
      bus.usage(),
      this.#api?.status(),
    ]);
    return {
      node: this.#name,
      version,
      pid: process.pid,
      startedAt: this.#startedAt,
      identity: keyring.status(),
      clock: { known: this.#clock.known(), trust: this.#target?.clock.trust ?? "auto" },
      target: {
        path: this.#options.path,
        state: this.#invalid ? "invalid" : this.#state,
        findings: this.#findings,
        failures: this.#failures,
      },
      bus: { url: bus.url, memoryBytes },
      link: linkStats,
      ...(enrolment && { enrolment }),
      outbox: {
        ...outbox.stats(),
        path: join(this.#dataPath, "outbox", "outbox.db"),
        store: outbox.store,
        chains,
      },
      objects: { ...spool.stats(), upload: link.uploadStats() },
      plugins: [...this.#plugins.values()].map((plugin) => plugin.status()),
      formerPlugins: this.#formerPlugins,
      alarms: alarms.status(),
      health: this.#health.status(),
      ...(api && { api }),
      ...(update && { update }),
      memoryBytes: process.memoryUsage.rss(),
    };
  }

  async handOver(): Promise<Handover | undefined> {
    if (!this.#stopping) this.#handover.begin(this.#name, this.#dataPath);
    await this.stop();
    return this.#handover.given;
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#ended.abort();
    clearTimeout(this.#retry);
    clearTimeout(this.#assume);
    this.#clock.close();
    await this.#health.stop();
    const plugins = [...this.#plugins.keys()].map((name) => this.#stopPlugin(name));
    await Promise.allSettled([...plugins, this.#api?.stop()]);
    await this.#alarms?.stop();
    await this.#rest?.catch(() => undefined);
    await this.#update?.stop();
    await this.#documents?.stop();
    if (this.#link?.state === "up") await this.#link.farewell(farewellMs);
    await this.#link?.stop();
    await this.#commands?.stop();
    await this.#liveAlarms?.stop();
    await this.#people?.stop();
    await this.#spool?.close();
    await this.#outbox?.close();
    await this.#handover.end(this.#bus);
    await this.#handover.refuse("the node stops");
    this.#done.resolve({ restart: false });
  }
}
