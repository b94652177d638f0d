import { hash } from "node:crypto";

/**
 * A bundle in RAUC's form that nobody has signed: for tests of who reads it before RAUC does. At most 128 blocks of
 * content, so that the hash tree has one level.
 */
export function sealedBundle({ version, compatible }: { version: string; compatible: string }): Buffer {
  const salt = Buffer.alloc(32, 7);
  const content = Buffer.alloc(3 * 4096, version);
  content.write("hsqs", "latin1");
  const blockHash = (block: Buffer) => hash("sha256", Buffer.concat([salt, block]), "buffer");
  const tree = Buffer.alloc(4096);
  for (const block of [0, 1, 2])
    blockHash(content.subarray(block * 4096, (block + 1) * 4096)).copy(tree, block * 32);
  const manifest = [
    ...["[update]", `compatible=${compatible}`, `version=${version}`, "[bundle]", "format=verity"],
    ...[`verity-hash=${blockHash(tree).toString("hex")}`, `verity-salt=${salt.toString("hex")}`],
    ...["verity-size=4096", ""],
  ].join("\n");
  const length = Buffer.alloc(8);
  length.writeBigUInt64BE(BigInt(manifest.length));
  return Buffer.concat([content, tree, Buffer.from(manifest), length]);
}
