/** The node's side of a handover: what it has inherited, and what it leaves (handover/record.ts has the whole). */
import type { Bus } from "./bus/types.ts";
import { messageOf } from "./errors.ts";
import { Handover } from "./handover/give.ts";
import type { Inheritance } from "./handover/take.ts";
import type { Log } from "./log.ts";
import type { Target } from "./target/types.ts";

export class NodeHandover {
  readonly #log: Log;
  #inheritance: Inheritance | undefined;
  #given: Handover | undefined;

  constructor(inheritance: Inheritance | undefined, log: Log) {
    this.#inheritance = inheritance;
    this.#log = log;
  }

  /** What can still be claimed. */
  get inheritance(): Inheritance | undefined {
    return this.#inheritance;
  }

  /** Where programs are left now; `undefined` where they are ended. */
  get given(): Handover | undefined {
    return this.#given;
  }

  /** Ends everything that was another node's. */
  async open(node: string, dataPath: string): Promise<{ inheritance?: Inheritance }> {
    if (this.#inheritance?.isOf(node, dataPath)) return { inheritance: this.#inheritance };
    await this.refuse(`it is not that of ${node}`);
    return {};
  }

  /** Ends what no plugin of the target can claim, and takes the keys of plugins that are no more from the bus. */
  async settle(bus: Bus | undefined, { plugins }: Target): Promise<void> {
    if (!this.#inheritance) return;
    const claiming = plugins.filter((plugin) => plugin.process).map(({ name }) => name);
    await this.#inheritance.endAllBut(claiming);
    const names = plugins.map(({ name }) => name);
    await bus?.setPlugins(names).catch((error: unknown) => this.#log.warn(messageOf(error)));
  }

  /** Ends everything that is not claimed, and nats-server where nobody watches over it. */
  async refuse(reason: string): Promise<void> {
    const inheritance = this.#inheritance;
    this.#inheritance = undefined;
    await inheritance?.refuse(reason);
  }

  /** From now on programs are left. */
  begin(node: string, dataPath: string): void {
    this.#given = new Handover({ node, dataPath });
  }

  /** Leaves the bus where programs were left, and else stops it. */
  async end(bus: Bus | undefined): Promise<void> {
    const given = this.#given;
    this.#given = undefined;
    try {
      if (bus && given && !given.isEmpty) {
        given.bus(await bus.leave());
        this.#given = given;
        return;
      }
    } catch (error) {
      this.#log.warn(`programs of plugins don't go on: ${messageOf(error)}`);
      await given?.end();
    }
    await bus?.stop();
  }
}
