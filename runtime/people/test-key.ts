/** Public keys of nobody, for tests: well-formed, without a private half. */

/** An `ssh-ed25519` key that differs by `n`. */
export function testKey(n: number): string {
  const type = "ssh-ed25519";
  const blob = Buffer.alloc(4 + type.length + 4 + 32);
  blob.writeUInt32BE(type.length, 0);
  blob.write(type, 4);
  blob.writeUInt32BE(32, 4 + type.length);
  blob.writeUInt32BE(n, blob.length - 4);
  return `${type} ${blob.toString("base64")}`;
}
