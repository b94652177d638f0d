/**
 * The head of a baseline JPEG (ITU-T T.81 annex B) for coded data that came by RTP: RFC 2435 leaves it out, since
 * everything in it follows from size, type and quantization. Tables are those of T.81 annex K.
 */
export interface FrameHeader {
  /** 0: 4:2:2, 1: 4:2:0. */
  type: number;
  /** In pixels. */
  width: number;
  height: number;
  /** In MCUs; 0: none. */
  restartInterval: number;
  /** One or two tables of 64 bytes in zigzag order. */
  quantization: Buffer;
}

export function frameHeader({ type, width, height, restartInterval, quantization }: FrameHeader): Buffer {
  const luma = quantization.subarray(0, 64);
  const chroma = quantization.length >= 128 ? quantization.subarray(64, 128) : luma;
  const sampling = type === 0 ? 0x21 : 0x22;
  const size = [height >> 8, height & 0xff, width >> 8, width & 0xff];
  return Buffer.concat([
    Buffer.from([0xff, 0xd8]),
    marker(0xdb, [0, ...luma]),
    marker(0xdb, [1, ...chroma]),
    ...(restartInterval > 0 ? [marker(0xdd, [restartInterval >> 8, restartInterval & 0xff])] : []),
    marker(0xc0, [8, ...size, 3, 1, sampling, 0, 2, 0x11, 1, 3, 0x11, 1]),
    ...huffman.map(([id, lengths, values]) => marker(0xc4, [id, ...bytes(lengths), ...bytes(values)])),
    marker(0xda, [3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0]),
  ]);
}

/** RFC 2435 appendix A for Q 1…99; empty for others, whose tables come with the frame. */
export function quantizationTables(q: number): Buffer {
  if (q < 1 || q > 99) return Buffer.alloc(0);
  const factor = q < 50 ? 5000 / q : 200 - q * 2;
  return Buffer.from(
    [...bytes(lumaZigzag), ...bytes(chromaZigzag)].map((value) =>
      Math.min(255, Math.max(1, Math.floor((value * Math.floor(factor) + 50) / 100))),
    ),
  );
}

function marker(code: number, content: readonly number[]): Buffer {
  const length = content.length + 2;
  return Buffer.from([0xff, code, length >> 8, length & 0xff, ...content]);
}

function bytes(hex: string): number[] {
  return [...Buffer.from(hex, "hex")];
}

/** T.81 table K.1 and K.2, in zigzag order. */
const lumaZigzag =
  "100b0c0e0c0a100e0d0e1211101318281a181616183123251d283a333d3c3933" +
  "383740485c4e404457453738506d51575f626768673e4d71797064785c656763";
const chromaZigzag = `1112121815182f1a1a2f63423842${"63".repeat(50)}`;

/** T.81 tables K.3 to K.6: class and place, codes of each length, values. */
const huffman: readonly [id: number, lengths: string, values: string][] = [
  [0x00, "00010501010101010100000000000000", "000102030405060708090a0b"],
  [
    0x10,
    "0002010303020403050504040000017d",
    "01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a3435363738393a434445464748494a535455565758595a636465666768696a737475767778797a838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa",
  ],
  [0x01, "00030101010101010101010000000000", "000102030405060708090a0b"],
  [
    0x11,
    "00020102040403040705040400010277",
    "000102031104052131061241510761711322328108144291a1b1c109233352f0156272d10a162434e125f11718191a262728292a35363738393a434445464748494a535455565758595a636465666768696a737475767778797a82838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9fa",
  ],
];
