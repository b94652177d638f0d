/**
 * The twin of RAUC: a folder in which two files are the slots. With it a fleet's update is played through on one machine,
 * without a board: it keeps what a node sees of RAUC and the boot loader, and nothing else.
 *
 * 1. `slots.json` says which slot is booted, in which order they are tried, and of each slot its version and whether it was
 *    marked good. It is replaced as a whole, so that a process that is killed at any moment leaves one state or the other.
 *    Another process, or another engine for the same folder, goes on from there.
 * 2. `install` takes the slot that is not booted out of the order, writes its file, and puts it in front: in between the
 *    machine starts the old one.
 * 3. `restart` boots the first slot of the order and tells the test; it does not resolve, as the process would be gone.
 * 4. What the boot loader and the gate do is done by the test: `markGood` and `fallBack`.
 *
 * A bundle is a line of JSON, `{"version", "compatible", "sha256"}`, and the content that the sum is over. A permit is the
 * JSON `{"compatible", "version"}` in base64. Neither is signed: who may sign is RAUC's business, and tested with RAUC.
 */
import { createHash } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { writeDurable } from "../durable-file.ts";
import { UmecError } from "../errors.ts";
import { judgeBundle, type Permit } from "./judge.ts";
import type { BundleInfo, InstallOptions, SlotName, SlotState, UpdateEngine } from "./types.ts";

export interface FileEngineOptions {
  /** It is made if it is not there, with `version` in both slots and A booted. */
  directory: string;
  /** What the machine is. @default "umec-test" */
  compatible?: string;
  /** In a new folder. @default "1.0.0" */
  version?: string;
  /** The machine has restarted into this slot: a test starts its node anew. @default nothing happens */
  onRestart?: (booted: SlotName) => void;
}

interface Slot {
  good: boolean;
  /** Left out while it is written. */
  version?: string;
}

interface State {
  booted: SlotName;
  order: SlotName[];
  slots: Record<SlotName, Slot>;
}

export class FileEngine implements UpdateEngine {
  readonly #directory: string;
  readonly #compatible: string;
  readonly #onRestart: (booted: SlotName) => void;

  private constructor({ directory, compatible = "umec-test", onRestart = () => {} }: FileEngineOptions) {
    this.#directory = directory;
    this.#compatible = compatible;
    this.#onRestart = onRestart;
  }

  static async open(options: FileEngineOptions): Promise<FileEngine> {
    const engine = new FileEngine(options);
    await mkdir(options.directory, { recursive: true });
    const known = await engine.#state().catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
    const version = options.version ?? "1.0.0";
    if (!known) {
      const slots = { A: { good: true, version }, B: { good: false, version } };
      await engine.#keep({ booted: "A", order: ["A", "B"], slots });
    }
    return engine;
  }

  async slots(signal: AbortSignal): Promise<readonly SlotState[]> {
    const { booted, slots } = await this.#state();
    signal.throwIfAborted();
    return (["A", "B"] as const).map((name) => ({ name, booted: name === booted, ...slots[name] }));
  }

  async install(path: string, { signal, permit, onProgress }: InstallOptions): Promise<BundleInfo> {
    const { info, content } = readBundle(await readFile(path));
    const state = await this.#state();
    const running = state.slots[state.booted].version;
    judgeBundle(info, {
      compatible: this.#compatible,
      ...(running !== undefined && { running }),
      ...(permit !== undefined && { permit: readPermit(permit) }),
    });
    signal.throwIfAborted();
    const slot = state.booted === "A" ? "B" : "A";
    onProgress?.(0);
    state.order = [state.booted];
    state.slots[slot] = { good: false };
    await this.#keep(state);
    await writeDurable(join(this.#directory, slot), content);
    signal.throwIfAborted();
    state.order = [slot, state.booted];
    state.slots[slot] = { good: false, version: info.version };
    await this.#keep(state);
    onProgress?.(100);
    return info;
  }

  async restart(): Promise<void> {
    const state = await this.#state();
    await this.#keep({ ...state, booted: state.order[0] ?? state.booted });
    this.#onRestart((await this.#state()).booted);
    await new Promise<never>(() => {});
  }

  /** What `rauc status mark-good` does when the gate lets it. */
  async markGood(): Promise<void> {
    const state = await this.#state();
    state.slots[state.booted].good = true;
    await this.#keep(state);
  }

  /** The booted slot has no tries left: the boot loader takes the other one. */
  async fallBack(): Promise<void> {
    const state = await this.#state();
    const other = state.booted === "A" ? "B" : "A";
    await this.#keep({ ...state, booted: other, order: [other, state.booted] });
    this.#onRestart(other);
  }

  async #state(): Promise<State> {
    return JSON.parse(await readFile(join(this.#directory, "slots.json"), "utf8"));
  }

  async #keep(state: State): Promise<void> {
    await writeDurable(join(this.#directory, "slots.json"), `${JSON.stringify(state)}\n`);
  }
}

/** A bundle that a FileEngine takes. */
export function fileBundle(options: {
  version: string;
  /** @default "umec-test" */
  compatible?: string;
  /** @default the version */
  content?: Uint8Array;
}): Buffer {
  const { version, compatible = "umec-test", content = Buffer.from(version) } = options;
  const sha256 = createHash("sha256").update(content).digest("hex");
  return Buffer.concat([Buffer.from(`${JSON.stringify({ version, compatible, sha256 })}\n`), content]);
}

function readBundle(file: Buffer): { info: BundleInfo; content: Buffer } {
  const end = file.indexOf(10);
  const content = file.subarray(end + 1);
  const { version, compatible, sha256 } = headOf(file.subarray(0, Math.max(end, 0)).toString("utf8"));
  if (typeof version !== "string" || typeof compatible !== "string") {
    throw new UmecError("UPDATE_REFUSED", "this is no bundle");
  }
  if (createHash("sha256").update(content).digest("hex") !== sha256) {
    throw new UmecError(
      "UPDATE_REFUSED",
      "the bundle is damaged: its content does not have the sum that it tells",
    );
  }
  const whole = createHash("sha256").update(file).digest("hex");
  return { info: { version, compatible, sha256: whole, bytes: file.length }, content };
}

function headOf(line: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(line));
  } catch {
    return {};
  }
}

function readPermit(permit: string): Permit {
  const { compatible, version } = headOf(Buffer.from(permit, "base64").toString("utf8"));
  return { compatible: String(compatible), version: String(version) };
}
