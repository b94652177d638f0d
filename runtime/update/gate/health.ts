/**
 * Whether this node does all that it is there for: what a new system must show before it is kept.
 *
 * Four things, each of which counts from the start of this process: the outbox is open, with its schema; the target state is
 * reached; each required plugin has stored a sample that is not bad; and the hub has stored something, which is a whole
 * round trip, unless the target state names no hub or says that it need not answer. A thing that was done stays done: an
 * outage of the hub afterwards says nothing about the system. Only the target state can go back, when it changes.
 *
 * Nothing here looks at a clock or waits: who knows of an event says so, and `onChange` is called when something changed.
 */

export interface HealthRules {
  /** Plugins that must have sampled. */
  required: readonly string[];
  /** Whether the hub must have answered. */
  hub: boolean;
  /** How long a new system may take, from the kernel's start. */
  deadlineS: number;
}

/** What is missing or wrong; `ok` is that nothing is. */
export interface Health {
  ok: boolean;
  /** `outbox`, `target`, `plugin <name>`, `hub`. */
  waitingFor: readonly string[];
  /** Steps to the target state that failed, for people. */
  failed: readonly string[];
}

/** Most failures that are told, and characters of each. */
const mostFailures = 8;
const mostCharacters = 300;

export class HealthBook {
  readonly #onChange: () => void;
  readonly #sampled = new Set<string>();
  #rules: HealthRules = { required: [], hub: false, deadlineS: 300 };
  #opened = false;
  #reached = false;
  #answered = false;
  #failed: readonly string[] = [];

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  get rules(): HealthRules {
    return this.#rules;
  }

  get answered(): boolean {
    return this.#answered;
  }

  setRules(rules: HealthRules): void {
    this.#rules = rules;
    this.#onChange();
  }

  opened(): void {
    this.#opened = true;
    this.#onChange();
  }

  /** The node is what the target state says; or it is on the way there, or failed to be. */
  setReached(reached: boolean, failures: readonly string[] = []): void {
    this.#reached = reached;
    this.#failed = failures.slice(0, mostFailures).map((text) => text.slice(0, mostCharacters));
    this.#onChange();
  }

  hasSampled(plugin: string): boolean {
    return this.#sampled.has(plugin);
  }

  sampled(plugin: string): void {
    if (this.#sampled.has(plugin)) return;
    this.#sampled.add(plugin);
    this.#onChange();
  }

  hubAnswered(): void {
    if (this.#answered) return;
    this.#answered = true;
    this.#onChange();
  }

  health(): Health {
    const { required, hub } = this.#rules;
    const silent = required.filter((plugin) => !this.#sampled.has(plugin));
    const waitingFor = [
      ...(this.#opened ? [] : ["outbox"]),
      ...(this.#reached ? [] : ["target"]),
      ...silent.map((plugin) => `plugin ${plugin}`),
      ...(hub && !this.#answered ? ["hub"] : []),
    ];
    return { ok: waitingFor.length === 0 && this.#failed.length === 0, waitingFor, failed: this.#failed };
  }
}
