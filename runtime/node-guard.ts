/**
 * Holds one plugin to its limits, and keeps count of what was refused it.
 *
 * What is refused is told by the outbox, for packs, and by the bus, for the rest. Each is counted by its code; the
 * first of a code is a line of the log, the others are its detail.
 *
 * A plugin that is a process and floods is **cut off**: the credentials of its process become void, which closes its
 * connections within milliseconds, and its supervisor ends the process. It is started again, with new credentials,
 * after {@link firstWaitMs}, then twice as long each time, up to {@link longestWaitMs}. The credentials are void for
 * good: what such a process has left behind, or has given its credentials to, stays out.
 *
 * A driver in the node's process has no credentials and is held by its host.
 */
import type { Bus, PluginWatch } from "./bus/types.ts";
import type { Clock } from "./clock.ts";
import type { EmitRate } from "./emit-limit.ts";
import type { Refusal } from "./emit-wire.ts";
import { messageOf, type UmecError } from "./errors.ts";
import type { Log } from "./log.ts";
import type { PluginStatus } from "./plugin/status.ts";

const firstWaitMs = 10_000;
const longestWaitMs = 600_000;
/** After this long without a flood the waits begin anew. */
const forgetMs = 3_600_000;

export interface GuardOptions {
  plugin: string;
  bus: Bus;
  limits: EmitRate;
  clock: Clock;
  log: Log;
  /** Whether the plugin is a process of its own. */
  isProcess: boolean;
}

export class PluginGuard {
  readonly #options: GuardOptions;
  readonly #watch: PluginWatch | undefined;
  readonly #refused = new Map<string, number>();
  #end: (error: UmecError, waitMs: number) => void = () => {};
  #cutOffs = 0;
  #lastCutOff: { reason: string; atMs: number } | undefined;
  #waitMs = 0;
  #lastMs = 0;
  /** From a flood until the next run begins: what is still told of the old one counts no more. */
  #cutting: Promise<void> | undefined;

  constructor(options: GuardOptions) {
    this.#options = options;
    const { bus, plugin, limits, isProcess } = options;
    if (!isProcess) return;
    this.#watch = bus.watchPlugin(plugin, {
      limits,
      onRefused: (refusal) => this.refusedByBus(refusal),
      onFlood: (error) => void this.flooded(error),
    });
  }

  /** @param end ends the plugin's run, and says why */
  attach(end: (error: UmecError, waitMs: number) => void): void {
    this.#end = end;
  }

  /** The outbox has told it already. */
  refused({ code }: Refusal): number {
    const count = (this.#refused.get(code) ?? 0) + 1;
    this.#refused.set(code, count);
    return count;
  }

  refusedByBus(refusal: Refusal): void {
    const { log, plugin } = this.#options;
    const count = this.refused(refusal);
    const text = `the bus refused ${plugin}: ${refusal.text}`;
    if (count === 1) log.warn(text, { plugin, code: refusal.code });
    else if ((count & (count - 1)) === 0) log.debug(text, { plugin, code: refusal.code, count });
  }

  /** Whether it is cut off for that. */
  flooded(error: UmecError): boolean {
    const { log, plugin, clock, isProcess } = this.#options;
    if (!isProcess) return false;
    if (this.#cutting) return true;
    this.#cutOffs++;
    this.#lastCutOff = { reason: error.message, atMs: clock.nowMs() };
    log.error(`${plugin} floods and is cut off: ${error.message}`, {
      plugin,
      code: error.code,
      times: this.#cutOffs,
    });
    this.#cutting = this.#cut();
    this.#end(error, this.#nextWaitMs());
    return true;
  }

  #nextWaitMs(): number {
    const nowMs = performance.now();
    const again = this.#waitMs > 0 && nowMs - this.#lastMs < forgetMs;
    this.#waitMs = again ? Math.min(longestWaitMs, 2 * this.#waitMs) : firstWaitMs;
    this.#lastMs = nowMs;
    return this.#waitMs;
  }

  async #cut(): Promise<void> {
    const { bus, log, plugin } = this.#options;
    try {
      await bus.cutOff(plugin);
    } catch (error) {
      log.error(`${plugin} can't be cut off, its process is ended: ${messageOf(error)}`, { plugin });
    }
  }

  /** To be called when a run of the plugin begins. */
  begin(): void {
    this.#cutting = undefined;
    this.#watch?.forgive();
  }

  setLimits(limits: EmitRate): void {
    this.#watch?.setLimits(limits);
  }

  status(): Pick<PluginStatus, "limits"> {
    if (this.#refused.size === 0 && this.#cutOffs === 0) return {};
    return {
      limits: {
        refused: Object.fromEntries(this.#refused),
        cutOffs: this.#cutOffs,
        ...(this.#lastCutOff && { lastCutOff: this.#lastCutOff }),
      },
    };
  }

  async stop(): Promise<void> {
    this.#watch?.stop();
    await this.#cutting;
  }
}
