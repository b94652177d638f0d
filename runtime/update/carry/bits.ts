/** A set of numbers from 0 to `count` - 1, the lowest bit of a byte first. */
export class Bits {
  readonly bytes: Buffer;

  /** @param bytes those of another; numbers that they are too short for are not in the set */
  constructor(count: number, bytes?: Uint8Array) {
    this.bytes = Buffer.alloc(Math.ceil(count / 8));
    if (bytes) this.bytes.set(bytes.subarray(0, this.bytes.length));
  }

  has(at: number): boolean {
    return (this.bytes[at >> 3]! & (1 << (at & 7))) !== 0;
  }

  add(at: number): void {
    this.bytes[at >> 3]! |= 1 << (at & 7);
  }
}
