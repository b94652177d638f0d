import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pass } from "node:timers/promises";
import type { Lane } from "../plugin/contract.ts";
import type { Action, Case } from "./actions.ts";
import type { Rig, Victim } from "./rig.ts";
import { type Pack, verify } from "./verify.ts";

/**
 * Longest wait for the hub to have everything, once all that was broken is whole again. A nats-server that was killed often
 * is started again after 10 s, the hub's as the node's, and the two link after 5 s or more; on a busy machine 30 s were
 * not always enough.
 */
const drainMs = 90_000;

/** Plays a case, lets the world heal, and checks that the promise was kept. Throws what was broken. */
export async function runCase(rig: Rig, name: string, { quotaBytes, actions }: Case): Promise<void> {
  const dir = join(rig.dir, name);
  await mkdir(dir);
  const play = new Play(rig, name, dir, quotaBytes);
  try {
    await play.start();
    for (const action of actions) await play.act(action);
    await play.heal();
    await verify(rig, play.packs, play.damaged);
  } finally {
    await play.end();
    await rm(dir, { recursive: true, force: true });
  }
}

class Play {
  readonly packs: Pack[] = [];
  /** Whether bytes of the file were changed: then a gap's range is an upper bound. */
  damaged = false;
  readonly #rig: Rig;
  readonly #name: string;
  readonly #dir: string;
  readonly #quotaBytes: number;
  readonly #counters = new Map<string, number>();
  readonly #emits: Promise<void>[] = [];
  #victim!: Victim;

  constructor(rig: Rig, name: string, dir: string, quotaBytes: number) {
    this.#rig = rig;
    this.#name = name;
    this.#dir = dir;
    this.#quotaBytes = quotaBytes;
  }

  async start(): Promise<void> {
    this.#victim = await this.#rig.spawn(this.#dir, this.#quotaBytes);
  }

  async act(action: Action): Promise<void> {
    const { proxy } = this.#rig;
    switch (action.kind) {
      case "emit": {
        const emits = Array.from({ length: action.packs }, () =>
          this.#emit(action.plugin, action.lane, action),
        );
        if (action.wait) await Promise.all(emits);
        return;
      }
      case "pass":
        return pass(action.ms);
      case "kill":
        await pass(action.afterMs);
        await this.#victim.kill();
        return this.start();
      case "restart":
        await this.#victim.stop();
        return this.start();
      case "damage":
        await this.#victim.kill();
        this.#damage(action);
        return this.start();
      case "cut":
        proxy.cut();
        await pass(action.ms);
        return proxy.restore();
      case "stall":
        proxy.stall();
        await pass(action.ms);
        return proxy.restore();
      case "hub-kill":
        return signal(this.#rig.hubPid(), "SIGKILL");
      case "hub-pause": {
        const pid = this.#rig.hubPid();
        signal(pid, "SIGSTOP");
        await pass(action.ms);
        signal(pid, "SIGCONT");
        return;
      }
      case "bus-kill":
        return this.#victim.killBus();
      case "disk-full":
        this.#victim.limitFiles(action.bytes);
        await Promise.all(
          Array.from({ length: action.packs }, () =>
            this.#emit(0, "telemetry", { samples: 2, padBytes: 700 }),
          ),
        );
        this.#victim.limitFiles(undefined);
        return;
      case "clock":
        this.#victim.setClock(action.years * 365 * 86_400_000, action.known);
        return;
    }
  }

  async #emit(
    number: number,
    lane: Lane,
    { samples, padBytes }: { samples: number; padBytes: number },
  ): Promise<void> {
    const plugin = `${this.#name}-${number}`;
    const key = `${plugin} ${lane}`;
    const first = this.#counters.get(key) ?? 0;
    this.#counters.set(key, first + samples);
    const pack: Pack = { plugin, lane, first, samples, row: undefined };
    this.packs.push(pack);
    const stored = this.#victim.emit({ plugin, lane, first, samples, padBytes }).then((row) => {
      pack.row = row;
    });
    this.#emits.push(stored);
    return stored;
  }

  #damage({ at, mask, log }: Extract<Action, { kind: "damage" }>): void {
    const path = join(this.#dir, log ? "outbox.db-wal" : "outbox.db");
    if (!existsSync(path)) return;
    const bytes = readFileSync(path);
    if (bytes.length === 0) return;
    for (const offset of at) bytes[offset % bytes.length]! ^= mask;
    writeFileSync(path, bytes);
    this.damaged = true;
  }

  /** The world is whole again: everything that was acknowledged must reach the hub. */
  async heal(): Promise<void> {
    this.#rig.proxy.restore();
    this.#victim.limitFiles(undefined);
    this.#victim.setClock(0, true);
    await Promise.all(this.#emits);
    await this.#victim.drained(drainMs);
  }

  async end(): Promise<void> {
    this.#rig.proxy.restore();
    await this.#victim?.stop();
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // it was just killed, and is being started again
  }
}
