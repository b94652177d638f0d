const magic = 0xfd2fb528;

/** Most bytes of a file's beginning that {@link readZstdFrame} looks at. */
export const zstdFrameHeaderBytes = 18;

/**
 * The header of the Zstandard frame that begins with `bytes` (RFC 8878, section 3.1.1.1); `undefined` when it is none.
 * `contentBytes` is missing where the writer did not know it.
 */
export function readZstdFrame(bytes: Uint8Array): { contentBytes?: number } | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < 5 || view.getUint32(0, true) !== magic) return undefined;
  const descriptor = view.getUint8(4);
  const singleSegment = (descriptor & 0x20) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3]!;
  const at = 5 + (singleSegment ? 0 : 1) + dictionaryBytes;
  const sizeBytes = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6]!;
  if (sizeBytes === 0 || at + sizeBytes > bytes.length) return {};
  if (sizeBytes === 1) return { contentBytes: view.getUint8(at) };
  if (sizeBytes === 2) return { contentBytes: view.getUint16(at, true) + 256 };
  if (sizeBytes === 4) return { contentBytes: view.getUint32(at, true) };
  return { contentBytes: Number(view.getBigUint64(at, true)) };
}
