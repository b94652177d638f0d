import type { ChipModel } from "../chip.ts";
import type { ChipValues } from "../handle.ts";
import { changePins, pinLevels } from "./pins.ts";

const names = [
  "IODIR",
  "IPOL",
  "GPINTEN",
  "DEFVAL",
  "INTCON",
  "IOCON",
  "GPPU",
  "INTF",
  "INTCAP",
  "GPIO",
  "OLAT",
] as const;
type Name = (typeof names)[number];
const bankBit = 0x80;
const sequentialOff = 0x20;

/**
 * MCP23017: sixteen pins, A0 to A7 are 0 to 7, B0 to B7 are 8 to 15. Microchip DS20001952C: addresses in both banks,
 * byte and sequential mode (section 3.2), registers (3.5), interrupts (3.6).
 *
 * `set({ inputs: { 8: 1 } })`: levels from outside, at first low. `state()` gives `inputs`, `outputs` and `interrupts`,
 * `{ a, b }`, true while the port's flags stand. Both ports are kept in words, B in the high byte.
 */
export class Mcp23017 implements ChipModel {
  static readonly address = 0x20;
  readonly #registers = new Map<Name, number>();
  #outside = 0;
  #pointer = 0;

  constructor() {
    this.powerUp();
  }

  set(values: ChipValues): void {
    const before = this.#pins();
    this.#outside = changePins("MCP23017", 16, this.#outside, values);
    this.#interrupt(before);
  }

  state(): ChipValues {
    const flags = this.#get("INTF");
    return {
      inputs: pinLevels(16, this.#outside, this.#get("IODIR")),
      outputs: pinLevels(16, this.#get("OLAT"), ~this.#get("IODIR")),
      interrupts: { a: (flags & 0xff) !== 0, b: flags >> 8 !== 0 },
    };
  }

  write(bytes: Uint8Array): boolean {
    if (bytes[0] === undefined) return true;
    this.#pointer = bytes[0];
    for (const value of bytes.subarray(1)) {
      // The bank may change with this very write, the next address is that of the old one plus one.
      const place = this.#place();
      this.#advance();
      if (place) this.#put(place.name, place.shift, value);
    }
    return true;
  }

  read(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => {
      const place = this.#place();
      this.#advance();
      return place ? this.#show(place.name, place.shift) : 0;
    });
  }

  powerUp(): void {
    for (const name of names) this.#registers.set(name, 0);
    this.#registers.set("IODIR", 0xffff);
    this.#pointer = 0;
  }

  #get(name: Name): number {
    return this.#registers.get(name)!;
  }

  /** The register at the pointer, and how far its port's bits lie to the left. */
  #place(): { name: Name; shift: 0 | 8 } | undefined {
    const isBanked = this.#get("IOCON") & bankBit;
    const name = names[isBanked ? this.#pointer & 0xf : this.#pointer >> 1];
    const isB = isBanked ? this.#pointer & 0x10 : this.#pointer & 1;
    return name === undefined || this.#pointer > 0x1a ? undefined : { name, shift: isB ? 8 : 0 };
  }

  #advance(): void {
    const control = this.#get("IOCON");
    if (!(control & sequentialOff)) this.#pointer = (this.#pointer + 1) % (control & bankBit ? 0x1b : 0x16);
    // In byte mode with paired registers the address goes to and fro between the ports.
    else if (!(control & bankBit)) this.#pointer ^= 1;
  }

  #put(name: Name, shift: 0 | 8, value: number): void {
    if (name === "INTF" || name === "INTCAP") return;
    const before = this.#pins();
    // A write to the port is one to the latch; IOCON is one register with two addresses.
    if (name === "IOCON") this.#registers.set(name, value & 0xfe);
    else {
      const target = name === "GPIO" ? "OLAT" : name;
      this.#registers.set(target, (this.#get(target) & (0xff00 >> shift)) | (value << shift));
    }
    this.#interrupt(before);
  }

  #show(name: Name, shift: 0 | 8): number {
    if (name === "IOCON") return this.#get(name);
    const value = name === "GPIO" ? this.#pins() ^ this.#get("IPOL") : this.#get(name);
    if (name === "GPIO" || name === "INTCAP") {
      this.#registers.set("INTF", this.#get("INTF") & (0xff00 >> shift));
      // A pin that still differs from DEFVAL interrupts again (section 3.6.4).
      this.#interrupt(this.#pins());
    }
    return (value >> shift) & 0xff;
  }

  #pins(): number {
    const direction = this.#get("IODIR");
    return (this.#outside & direction) | (this.#get("OLAT") & ~direction & 0xffff);
  }

  #interrupt(before: number): void {
    const now = this.#pins();
    const compared = this.#get("INTCON");
    const differs = ((now ^ before) & ~compared) | ((now ^ this.#get("DEFVAL")) & compared);
    const flags = differs & this.#get("GPINTEN") & this.#get("IODIR");
    for (const port of [0xff, 0xff00]) {
      // The port is captured at its first interrupt and not again until it is read.
      if ((this.#get("INTF") & port) !== 0 || (flags & port) === 0) continue;
      this.#registers.set("INTF", this.#get("INTF") | (flags & port));
      this.#registers.set("INTCAP", (this.#get("INTCAP") & ~port) | (now & port));
    }
  }
}
