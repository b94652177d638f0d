/**
 * An I2C bus with chips on it, without any wire: who is addressed, who answers, and what goes wrong.
 *
 * Faults are the bus's, not the models': a model is always in order. A chip that is off the bus or refuses is not
 * asked at all, so its registers stay. One message is on the bus at a time; a chip that holds the clock holds the
 * bus, so messages to other chips wait behind it as on real wires.
 */
import { setTimeout as delay } from "node:timers/promises";
import { valueError } from "../errors.ts";
import type { ChipModel } from "./chip.ts";
import type { I2cHandle, I2cMessage } from "./handle.ts";

/** A message to a chip. `stop` says that the bus is free behind it. */
export type Request = { readonly address: number; readonly stop: boolean } & (
  | { readonly kind: "write"; readonly bytes: Uint8Array }
  | { readonly kind: "read"; readonly length: number }
);

const keptMessages = 1024;

export interface I2cBus {
  /** Puts a chip on the bus. Throws `DEVICE_VALUE` if the address is taken or none of 0x08 to 0x77. */
  attach(name: string, address: number, model: ChipModel): I2cHandle;
  /** Throws `DEVICE_VALUE` if no chip was attached there. */
  device(address: number): I2cHandle;
  /** The bytes that were read, none for a write; `undefined` when nobody acknowledged. */
  transfer(request: Request): Promise<Uint8Array | undefined>;
  /** The board's power was cut: what is under way is dropped, chips lose their registers. */
  powerCut(): void;
}

export function createBus(): I2cBus {
  const places = new Map<number, Place>();
  let power = new AbortController();
  let tail: Promise<unknown> = Promise.resolve();

  return {
    attach(name, address, model) {
      if (!Number.isInteger(address) || address < 0x08 || address > 0x77) {
        throw valueError(`${name}: the address is ${address}, it must be 0x08 to 0x77 (7 bit, without R/W)`);
      }
      const other = places.get(address);
      if (other) throw valueError(`${name}: ${other.name} has the address 0x${address.toString(16)} already`);
      const place = new Place(name, address, model);
      places.set(address, place);
      return place;
    },
    device(address) {
      const place = places.get(address);
      if (!place) throw valueError(`no chip was attached at 0x${address.toString(16)}`);
      return place;
    },
    transfer(request) {
      const { signal } = power;
      const answer = tail.then(() => places.get(request.address)?.serve(request, signal));
      tail = answer.catch(() => {});
      return answer;
    },
    powerCut() {
      power.abort();
      power = new AbortController();
      for (const place of places.values()) place.powerCut();
    },
  };
}

/** A chip's place on the bus: it is the handle, too. */
class Place implements I2cHandle {
  readonly name: string;
  readonly address: number;
  #model: ChipModel;
  #plugged = true;
  #nacks = 0;
  #stalls = { times: 0, ms: 0 };
  #release = new AbortController();
  #messages: I2cMessage[] = [];

  constructor(name: string, address: number, model: ChipModel) {
    this.name = name;
    this.address = address;
    this.#model = model;
  }

  async set(values: Readonly<Record<string, unknown>>): Promise<void> {
    this.#model.set(values);
  }

  state(): Readonly<Record<string, unknown>> {
    return this.#model.state();
  }

  unplug(): void {
    this.#plugged = false;
  }

  plug(): void {
    if (!this.#plugged) this.#model.powerUp();
    this.#plugged = true;
  }

  nack({ times = 1 } = {}): void {
    this.#nacks = times;
  }

  stall(ms: number, { times = 1 } = {}): void {
    this.#stalls = { times, ms };
  }

  behave(): void {
    this.#nacks = 0;
    this.#stalls = { times: 0, ms: 0 };
    this.#release.abort();
    this.#release = new AbortController();
  }

  messages(): readonly I2cMessage[] {
    return [...this.#messages];
  }

  powerCut(): void {
    this.#model.powerUp();
  }

  async serve(request: Request, power: AbortSignal): Promise<Uint8Array | undefined> {
    if (power.aborted || !this.#plugged) return undefined;
    if (this.#stalls.times > 0) {
      this.#stalls.times--;
      await this.#hold(this.#stalls.ms, power);
      if (power.aborted || !this.#plugged) return undefined;
    }
    const refused = this.#nacks > 0;
    if (refused) this.#nacks--;
    const answer = refused ? undefined : this.#ask(request);
    // Behind a message that nobody acknowledged the controller sends STOP.
    if (request.stop || answer === undefined) this.#model.stop?.();
    const bytes = request.kind === "write" ? request.bytes : (answer ?? new Uint8Array());
    this.#messages.push({ kind: request.kind, bytes, acknowledged: answer !== undefined });
    if (this.#messages.length > keptMessages) this.#messages.shift();
    return answer;
  }

  #ask(request: Request): Uint8Array | undefined {
    if (request.kind === "read") return this.#model.read(request.length);
    return this.#model.write(request.bytes) ? new Uint8Array() : undefined;
  }

  async #hold(ms: number, power: AbortSignal): Promise<void> {
    const signal = AbortSignal.any([power, this.#release.signal]);
    // A timer's longest time is 2^31 - 1 milliseconds, longer than any test.
    await delay(Math.min(ms, 2 ** 31 - 1), undefined, { signal }).catch(() => {});
  }
}
