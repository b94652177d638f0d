/**
 * Memory that begins on a page, as direct I/O wants it (open(2), O_DIRECT). A Buffer begins somewhere; the memory of a
 * WebAssembly module is mapped by itself, and so begins on a page.
 */
export const alignment = 4096;

const aligned = new WeakSet<ArrayBufferLike>();
const wasmPageBytes = 65_536;

interface WasmMemory {
  new (size: { initial: number }): { readonly buffer: ArrayBuffer };
}

/** `bytes` of memory, rounded up to 64 KiB. Where there is no aligned memory to be had, it is any memory. */
export function allocateAligned(bytes: number): Uint8Array {
  const pages = Math.ceil(bytes / wasmPageBytes);
  try {
    const { Memory } = (globalThis as unknown as { WebAssembly: { Memory: WasmMemory } }).WebAssembly;
    const { buffer } = new Memory({ initial: pages });
    aligned.add(buffer);
    return new Uint8Array(buffer);
  } catch {
    // Under a limit of address space (ulimit -v) V8 has no room for it; then I/O goes through the page cache.
    return new Uint8Array(pages * wasmPageBytes);
  }
}

/** Whether `bytes` may go to `position` of a file by direct I/O. */
export function isAligned(bytes: Uint8Array, position: number): boolean {
  return (
    aligned.has(bytes.buffer) &&
    bytes.byteOffset % alignment === 0 &&
    bytes.length % alignment === 0 &&
    position % alignment === 0
  );
}
