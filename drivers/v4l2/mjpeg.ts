/** Frames of MJPEG as pictures that every viewer takes: ITU-T T.81. */

const marker = { start: 0xd8, huffman: 0xc4, scan: 0xda } as const;

/** The typical tables of ITU-T T.81 annex K.3.3, as one DHT segment: DC and AC of brightness, then of color. */
const typicalTables = Buffer.from(
  "ffc401a20000010501010101010100000000000000000102030405060708090a0b" +
    "100002010303020403050504040000017d01020300041105122131410613516107227114328191a1082342b1c11552d1f0" +
    "2433627282090a161718191a25262728292a3435363738393a434445464748494a535455565758595a636465666768696a" +
    "737475767778797a838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7" +
    "c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa" +
    "0100030101010101010101010000000000000102030405060708090a0b" +
    "1100020102040403040705040400010277000102031104052131061241510761711322328108144291a1b1c109233352f0" +
    "156272d10a162434e125f11718191a262728292a35363738393a434445464748494a535455565758595a63646566676869" +
    "6a737475767778797a82838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5" +
    "c6c7c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9fa",
  "hex",
);

/** Whether it begins as a picture does. */
export function isPicture(bytes: Uint8Array): boolean {
  return bytes.length > 4 && bytes[0] === 0xff && bytes[1] === marker.start;
}

/**
 * The picture with its Huffman tables. Many cameras leave them out, as in AVI files, and mean the typical ones; a
 * viewer of pictures wants them. What has tables is given back as it is.
 */
export function withHuffmanTables(bytes: Uint8Array): Uint8Array {
  const scan = scanWithoutTables(bytes);
  if (scan === undefined) return bytes;
  const whole = new Uint8Array(bytes.length + typicalTables.length);
  whole.set(bytes.subarray(0, scan));
  whole.set(typicalTables, scan);
  whole.set(bytes.subarray(scan), scan + typicalTables.length);
  return whole;
}

/** Where the first scan begins, when no tables stand before it. */
function scanWithoutTables(bytes: Uint8Array): number | undefined {
  for (let at = 2; at + 4 <= bytes.length; ) {
    const kind = bytes[at + 1];
    if (bytes[at] !== 0xff || kind === marker.huffman) return undefined;
    if (kind === marker.scan) return at;
    // Fill bytes may stand before a marker.
    at += kind === 0xff ? 1 : 2 + bytes[at + 2]! * 256 + bytes[at + 3]!;
  }
  return undefined;
}
