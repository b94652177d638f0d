/** Public keys for ssh, as in a file `*.pub`: `type base64 comment`. Options in front of a key are never taken. */

/** The shape of a line with one key; its comment has no control characters. */
export const sshKeyPattern = String.raw`^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com) [A-Za-z0-9+/]{16,1500}={0,2}( [^\u0000-\u001f\u007f]{0,200})?$`;

const syntax = new RegExp(sshKeyPattern, "u");

/**
 * The key of a line without its comment, `type base64`, or `undefined` when the line is none: also when the data is cut
 * short, or of another type than the word in front of it (RFC 4253 section 6.6: its first string names its type).
 */
export function sshKeyOf(line: string): string | undefined {
  if (!syntax.test(line)) return undefined;
  const [type = "", base64 = ""] = line.split(" ");
  const blob = Buffer.from(base64, "base64");
  if (blob.toString("base64") !== base64 || stringsOf(blob)?.[0] !== type) return undefined;
  return `${type} ${base64}`;
}

/** RFC 4251 section 5: each string has its length in front; `undefined` when they do not fill the data. */
function stringsOf(blob: Buffer): string[] | undefined {
  const strings: string[] = [];
  for (let at = 0; at < blob.length; ) {
    if (at + 4 > blob.length) return undefined;
    const end = at + 4 + blob.readUInt32BE(at);
    if (end > blob.length) return undefined;
    strings.push(blob.toString("latin1", at + 4, end));
    at = end;
  }
  return strings;
}
