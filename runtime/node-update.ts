/**
 * Updates of the node's whole system, in the composition: the updater (update/updater.ts) with the hub's orders, the way in
 * which bundles come, RAUC, the gate's verdict and the journal.
 *
 * Files in `dir`, `/data/umec/update` on the image: `order.json`, `attempt.json`, `told`, and `incoming/` for bundles.
 */
import { randomBytes } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { bootId } from "./boot.ts";
import type { Bus } from "./bus/types.ts";
import type { Clock } from "./clock.ts";
import type { NodeDocuments } from "./documents/types.ts";
import { makePrivateDirectory } from "./durable-file.ts";
import { messageOf, UmecError } from "./errors.ts";
import type { Log } from "./log.ts";
import { openPrograms } from "./node-programs.ts";
import type { NewRow } from "./outbox/types.ts";
import type { UpdateTarget } from "./target/types.ts";
import { readAttempt } from "./update/attempt-file.ts";
import { fetchBundle } from "./update/carry/fetch.ts";
import { LeafSource } from "./update/carry/leaf-source.ts";
import { collectFallBack, fallBackReason } from "./update/gate/fall-back.ts";
import { verdictOf } from "./update/gate/verdict.ts";
import { UpdateJournal } from "./update/journal.ts";
import { localBundle, storeLocalBundle } from "./update/local-bundle.ts";
import type { WantedUpdate } from "./update/order-file.ts";
import { peekFile, programCompatible } from "./update/program/artifact.ts";
import type { ProgramUpdater } from "./update/program/updater.ts";
import { RaucEngine } from "./update/rauc-engine.ts";
import type { UpdateEngine, UpdateReport } from "./update/types.ts";
import { Updater } from "./update/updater.ts";
import type { FetchOptions, UpdaterOptions, UpdaterStatus } from "./update/updater-types.ts";
import { parseOrder } from "./update-wire.ts";
import { version } from "./version.ts";

/** What tests put in the place of a board. */
export interface UpdateParts
  extends Partial<Pick<UpdaterOptions, "fetch" | "gate" | "fallBackReason" | "bootId">> {
  engine: UpdateEngine;
  /** RAUC's `compatible`. @default the engine judges alone */
  compatible?: string;
}

export interface NodeUpdateOptions {
  /** Made if it is missing. */
  dir: string;
  bus: Bus;
  documents: NodeDocuments;
  outbox: { append(row: NewRow): Promise<unknown> };
  clock: Clock;
  log: Log;
  settings(): UpdateTarget;
  /** Ends this process in an orderly way, and calls `restart` last. Does not resolve. */
  leave(restart: () => Promise<void>): Promise<never>;
  /** @default RAUC, where this machine has slots */
  parts?: UpdateParts | undefined;
}

const busyHint = "umec status says how far it is; one of the hub's is stopped there, by umec ota stop";
/** Slots, as far as they have what a bundle has; the image lets the node read them. */
const seeds = ["root_a", "root_b", "boot_a", "boot_b"].map((name) => `/dev/umec/${name}`);

export class NodeUpdate {
  readonly #options: NodeUpdateOptions;
  readonly #ended = new AbortController();
  readonly #journal: UpdateJournal;
  #updater: Updater | undefined;
  #programs: ProgramUpdater | undefined;
  /** The order of a program that a person has brought. */
  #localProgram: string | undefined;

  static async open(options: NodeUpdateOptions): Promise<NodeUpdate> {
    const update = new NodeUpdate(options);
    await update.#start();
    return update;
  }

  private constructor(options: NodeUpdateOptions) {
    this.#options = options;
    this.#journal = new UpdateJournal(options);
  }

  /** For those who have something to tell of updates besides the updater. */
  report(report: UpdateReport): Promise<void> {
    return this.#journal.report(report, this.#ended.signal);
  }

  /** What is under way. */
  status(): UpdaterStatus | undefined {
    return this.#updater?.status();
  }

  /** The settings have changed. */
  wake(): void {
    this.#updater?.wake();
  }

  /**
   * Takes a bundle that a person brings; it is for the next `order`.
   *
   * @param bytes as its sender says
   * @throws UmecError `UPDATE_BUSY`, and as `storeLocalBundle` does
   */
  async store(content: AsyncIterable<Uint8Array>, bytes?: number): Promise<void> {
    const busy = this.#running.status();
    if (busy)
      throw new UmecError("UPDATE_BUSY", `the node is busy with the update ${busy.id}`, { hint: busyHint });
    await storeLocalBundle(join(this.#options.dir, "incoming"), content, bytes);
  }

  /** A person orders what was stored. @param by who, for the reports @throws UmecError `UPDATE_BUSY` */
  async order(by: string, permit?: string): Promise<{ id: string }> {
    const id = `local-${randomBytes(4).toString("hex")}`;
    const program = await peekFile(join(this.#options.dir, "incoming", "local.raucb"));
    if (program && this.#programs) {
      this.#options.log.info(`${by} has brought program ${program.version}`, { id });
      this.#localProgram = id;
      this.#programs.take({ id, bundle: program });
      return { id };
    }
    await this.#running.order({ id, by, place: "local", ...(permit !== undefined && { permit }) });
    return { id };
  }

  /** A person says that the node may restart now for what is installed. @throws UmecError `UPDATE_NOTHING` */
  async restart(): Promise<void> {
    this.#running.proceed();
  }

  async stop(): Promise<void> {
    this.#ended.abort();
    await this.#updater?.done;
  }

  get #running(): Updater {
    if (this.#updater) return this.#updater;
    throw new UmecError("UPDATE_NOT_READY", "the updater does not run yet", { hint: "try again" });
  }

  async #start(): Promise<void> {
    const { dir, documents, clock, log, settings, leave, parts } = this.#options;
    const { signal } = this.#ended;
    await makePrivateDirectory(join(dir, "incoming"));
    const engine = parts?.engine ?? (await systemEngine());
    await this.#tellFallBack();
    const programs = openPrograms({
      fetch: (order, until) =>
        this.#fetch(order.id === this.#localProgram ? { id: order.id, place: "local" } : order, {
          signal: until,
        }),
      report: (report) => this.report(report),
      ...{ clock, log, signal },
    });
    void programs.follow();
    this.#programs = programs;
    const updater = await Updater.start(
      {
        dir,
        engine,
        journal: this.#journal,
        fetch: (wanted, options) => this.#fetch(wanted, options),
        discard: ({ bundle }) =>
          rm(join(dir, "incoming", `${bundle?.sha256 ?? "local"}.raucb`), { force: true }),
        compatible: parts ? parts.compatible : await systemCompatible(),
        version,
        bootId: parts?.bootId ?? bootId(),
        gate: parts?.gate ?? ((_attempt, until) => verdictOf(until)),
        fallBackReason: parts?.fallBackReason ?? ((attempt) => fallBackReason(attempt)),
        restart: () => leave(() => engine.restart()),
        settings,
        now: () => (clock.known() ? clock.nowMs() : undefined),
        log,
      },
      signal,
    );
    this.#updater = updater;
    documents.watch(
      "update",
      (document) => {
        Promise.resolve(document && parseOrder(document.body))
          .then((order) => {
            const alone = order?.bundle.compatible === programCompatible;
            programs.take(alone ? order : undefined);
            return updater.take(alone ? undefined : order);
          })
          .catch((error: unknown) => log.error(`the hub's order is not taken: ${messageOf(error)}`));
      },
      signal,
    );
  }

  /** One that ends no order: the updater tells of those. */
  async #tellFallBack(): Promise<void> {
    const { dir, log } = this.#options;
    const attempt = await readAttempt(join(dir, "attempt.json"));
    const report = (said: UpdateReport) => this.#journal.report(said, this.#ended.signal);
    await collectFallBack({ toldPath: join(dir, "told"), attempt, version, report }).catch((error: unknown) =>
      log.warn(`what is left of a fall-back can't be told: ${messageOf(error)}`),
    );
  }

  async #fetch(wanted: WantedUpdate, options: FetchOptions): Promise<string> {
    const { dir, bus, log, settings, parts } = this.#options;
    const incoming = join(dir, "incoming");
    if (wanted.place !== undefined) return localBundle(incoming);
    if (parts?.fetch) return parts.fetch(wanted, options);
    const { bundle } = wanted;
    if (!bundle) throw new UmecError("UPDATE_FAILED", "the order says no bundle");
    const { onProgress } = options;
    const connection = await bus.connectLink();
    // What listens for the link ends with the fetch.
    const done = new AbortController();
    const signal = AbortSignal.any([options.signal, done.signal]);
    const source = new LeafSource({ connection, leaf: bus, log, signal });
    try {
      return await fetchBundle({
        ...{ source, bundle, seeds, dir: incoming, log, signal },
        rateBytesPerS: settings().rateBytesPerS,
        onProgress: ({ doneBytes, allBytes }) => onProgress?.((100 * doneBytes) / Math.max(1, allBytes)),
      });
    } finally {
      done.abort();
      await connection.close();
    }
  }
}

/** RAUC on the image; anywhere else one without slots, so that an order is refused with the reason. */
async function systemEngine(): Promise<UpdateEngine> {
  const rauc = new RaucEngine();
  if (await rauc.isHere()) return rauc;
  const none = async (): Promise<never> => {
    throw new UmecError("UPDATE_REFUSED", "this system has no slots: it is updated by means of its own");
  };
  return { slots: async () => [], install: none, restart: none };
}

/** As RAUC itself goes by; root writes it at each start. */
async function systemCompatible(): Promise<string | undefined> {
  const text = await readFile("/etc/rauc/system.conf", "utf8").catch(() => "");
  return /^compatible=(\S+)$/m.exec(text)?.[1];
}
