/**
 * A machine with two slots, in a folder, for tests of the updater: it may lose its power at any step that a file of its is
 * about, and is started again.
 *
 * A life is what runs between two starts. When it is cut, each of its file operations from then on stays without an answer,
 * as those of a process that is gone: nothing of it reaches the disk any more.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import fs, { type FileHandle } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { silentLog } from "../log.ts";
import { decodeCbor } from "../senml/cbor.ts";
import { parseReport } from "../update-wire.ts";
import { FileEngine, fileBundle } from "./file-engine.ts";
import { UpdateJournal } from "./journal.ts";
import type { WantedUpdate } from "./order-file.ts";
import type { UpdateReport } from "./types.ts";
import { Updater } from "./updater.ts";
import type { UpdaterOptions } from "./updater-types.ts";

interface Life {
  dir: string;
  /** How many steps it has. */
  left: number;
  taken: number;
  dead: boolean;
  onDeath(): void;
}

const lives = new AsyncLocalStorage<Life>();
const never = (): Promise<never> => new Promise(() => {});

/** Has file operations of lives count as steps, for the rest of this process. */
export async function watchFiles(): Promise<void> {
  const probe = await fs.open(process.execPath, "r");
  const handle: FileHandle = Object.getPrototypeOf(probe);
  await probe.close();
  const handles = new WeakSet<FileHandle>();
  const cut = (): boolean => {
    const life = lives.getStore();
    if (!life || life.dead) return life !== undefined;
    life.taken += 1;
    if (life.taken <= life.left) return false;
    life.dead = true;
    life.onDeath();
    return true;
  };
  for (const name of ["open", "rename", "rm"] as const) {
    const real = fs[name] as (...args: unknown[]) => Promise<unknown>;
    const wrapped = async (...args: unknown[]): Promise<unknown> => {
      const life = lives.getStore();
      const ours = life !== undefined && String(args[0]).startsWith(life.dir) && args[1] !== "r";
      if ((ours && cut()) || life?.dead) return never();
      const result = await real(...args);
      if (ours && name === "open") handles.add(result as FileHandle);
      return result;
    };
    Object.assign(fs, { [name]: wrapped });
  }
  syncBuiltinESMExports();
  const { sync, writeFile } = handle;
  Object.assign(handle, {
    async sync(this: FileHandle) {
      if (!handles.has(this) || !cut()) return sync.call(this);
      await this.close();
      return never();
    },
    async writeFile(this: FileHandle, content: string | Uint8Array) {
      if (!handles.has(this) || !cut()) return writeFile.call(this, content);
      await writeFile.call(this, content.slice(0, content.length / 2));
      await this.close();
      return never();
    },
  });
}

export type LifeEnd = "cut" | "restarted" | "fell-back" | "ended";

export interface MachineOptions extends Partial<UpdaterOptions> {
  dir: string;
  wanted?: WantedUpdate;
  /** What is wrong with the new system; nothing if left out. */
  bad?: string;
}

/** Which boot this is: a file that counts. */
async function bootOf(dir: string, more = 0): Promise<string> {
  const path = join(dir, "boot");
  const boots = Number(await fs.readFile(path, "utf8").catch(() => "1")) + more;
  await fs.writeFile(path, String(boots));
  return `boot-${boots}`;
}

/** The machine is off, and on again: it boots what is first. */
export async function powerCycle(dir: string): Promise<void> {
  await bootOf(dir, 1);
  const path = join(dir, "slots", "slots.json");
  const state = JSON.parse(await fs.readFile(path, "utf8"));
  await fs.writeFile(path, JSON.stringify({ ...state, booted: state.order[0] }));
}

export async function makeMachine(dir: string, version = "2.0.0"): Promise<WantedUpdate> {
  for (const name of ["update", "slots"]) await fs.mkdir(join(dir, name), { recursive: true });
  await FileEngine.open({ directory: join(dir, "slots") });
  const bundle = fileBundle({ version });
  await fs.writeFile(join(dir, "bundle"), bundle);
  const info = { version, compatible: "umec-test", sha256: "0".repeat(64), bytes: bundle.length };
  return { id: `to-${version.replaceAll(".", "-")}`, bundle: info };
}

/** What the node has told so far, in order. */
export async function reportsOf(dir: string): Promise<UpdateReport[]> {
  const text = await fs.readFile(join(dir, "reports"), "utf8").catch(() => "");
  return text.split("\n").flatMap((line) => (line === "" ? [] : [parseReport(line)!]));
}

/** Reports in a file, one a line. */
export function journalOf(dir: string): UpdateJournal {
  const append = async ({ records }: { records: Uint8Array }): Promise<void> => {
    const [record] = decodeCbor(Buffer.concat([Buffer.of(0x81), records]));
    const file = await fs.open(join(dir, "reports"), "a");
    await file.appendFile(`${record!.vs}\n`);
    await file.sync();
    await file.close();
  };
  const clock = { monotonicMs: () => performance.now() };
  return new UpdateJournal({ outbox: { append }, clock, log: silentLog, burst: 1000 });
}

export async function updaterOptions(
  options: MachineOptions,
  onRestart: () => void,
): Promise<UpdaterOptions> {
  const { dir, bad, wanted: _, ...more } = options;
  const engine = await FileEngine.open({ directory: join(dir, "slots"), onRestart });
  return {
    dir: join(dir, "update"),
    engine,
    journal: journalOf(dir),
    fetch: async () => join(dir, "bundle"),
    compatible: "umec-test",
    version: "0.0.0",
    bootId: await bootOf(dir),
    gate: async () => {
      if (bad !== undefined) return { good: false, reason: bad };
      await engine.markGood();
      return { good: true };
    },
    fallBackReason: async () => bad,
    restart: () => engine.restart(),
    settings: () => ({ automatic: true }),
    now: () => Date.now(),
    log: silentLog,
    retryMs: 1,
    ...more,
  };
}

/** Runs the machine from a start until it goes down, or until nothing is left to do. */
export async function live(
  options: MachineOptions,
  left = Number.POSITIVE_INFINITY,
): Promise<{ end: LifeEnd; taken: number }> {
  const { dir, wanted, bad } = options;
  const over = Promise.withResolvers<LifeEnd>();
  const life: Life = { dir, left, taken: 0, dead: false, onDeath: () => over.resolve("cut") };
  const stop = new AbortController();
  // Also what goes on after a cut is gone at the end: its signal is its own.
  await lives.run(life, async () => {
    const base = await updaterOptions(options, () => over.resolve("restarted"));
    const gate: UpdaterOptions["gate"] = async (attempt, signal) => {
      const result = await base.gate(attempt, signal);
      // The gate leads back, by its deadline.
      if (bad !== undefined) over.resolve("fell-back");
      return result;
    };
    const updater = await Updater.start({ ...base, gate }, stop.signal);
    if (wanted) void updater.take(wanted);
    void watchEnd(options, over, stop.signal);
  });
  const end = await over.promise;
  life.dead = true;
  stop.abort();
  if (end === "restarted") await bootOf(dir, 1);
  if (end === "fell-back") {
    await bootOf(dir, 1);
    await (await FileEngine.open({ directory: join(dir, "slots") })).fallBack();
  }
  return { end, taken: life.taken };
}

/** Ends a life when its order, or the only one, has ended and no attempt is left. */
async function watchEnd(
  { dir, wanted }: MachineOptions,
  over: PromiseWithResolvers<LifeEnd>,
  signal: AbortSignal,
): Promise<void> {
  const [order, attempt] = ["order.json", "attempt.json"].map((name) => join(dir, "update", name));
  while (!signal.aborted) {
    const text = await fs.readFile(order!, "utf8").catch(() => "{}");
    const { current, ended = [] } = JSON.parse(text || "{}");
    const done = ended.some(({ id }: { id: string }) => id === wanted?.id);
    const tried = await fs.stat(attempt!).catch(() => undefined);
    if (!current && done && !tried) return over.resolve("ended");
    await new Promise((next) => setTimeout(next, 1));
  }
}
