/**
 * HTTP Digest (RFC 7616, and RFC 2617 and 2069 where the other side knows no more), for HTTP and RTSP alike.
 *
 * The strongest challenge that is understood is answered, whatever order they come in: somebody on the way could put
 * MD5 first. `Basic` is no digest and is not answered here.
 */
import { createHash, randomBytes } from "node:crypto";

export interface Challenge {
  scheme: string;
  parameters: Readonly<Record<string, string>>;
}

export interface DigestRequest {
  method: string;
  /** As in the request line. */
  uri: string;
}

export interface DigestSession {
  /** The value of `Authorization` for the next request; each call counts (`nc`). */
  authorize(request: DigestRequest): string;
  readonly nonce: string;
}

const hashes: readonly [algorithm: string, hash: string][] = [
  ["SHA-512-256", "sha512-256"],
  ["SHA-256", "sha256"],
  ["MD5", "md5"],
];

/** Reads `WWW-Authenticate`, also several challenges in one line (RFC 9110 section 11.6.1). */
export function parseChallenges(header: string): Challenge[] {
  const challenges: { scheme: string; parameters: Record<string, string> }[] = [];
  const part =
    /\s*,*\s*(?:([!#$%&'*+.^_`|~\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))|([!#$%&'*+.^_`|~\w-]+))/y;
  for (let found = part.exec(header); found; found = part.exec(header)) {
    const [, name, quoted, plain, scheme] = found;
    if (scheme !== undefined)
      challenges.push({ scheme: scheme.toLowerCase(), parameters: Object.create(null) });
    else if (name !== undefined) {
      const value = quoted?.replace(/\\(.)/g, "$1") ?? plain ?? "";
      const last = challenges.at(-1);
      if (last) last.parameters[name.toLowerCase()] ??= value;
    }
  }
  return challenges;
}

/** Whether the server says that only its nonce was too old. */
export function isStale(header: string): boolean {
  return parseChallenges(header).some(({ parameters }) => parameters.stale?.toLowerCase() === "true");
}

/** Answers the strongest of the challenges; `undefined` when none is understood. */
export function createDigest(
  header: string,
  {
    user,
    password,
    cnonce = () => randomBytes(16).toString("base64url"),
  }: {
    user: string;
    password: string;
    /** For tests. @default 128 random bits */
    cnonce?: () => string;
  },
): DigestSession | undefined {
  const offers = parseChallenges(header).filter(({ scheme, parameters }) => {
    const { nonce, qop } = parameters;
    return (
      scheme === "digest" && nonce !== undefined && (qop === undefined || splitQop(qop).includes("auth"))
    );
  });
  for (const [algorithm, hashName] of hashes) {
    for (const { parameters } of offers) {
      const named = parameters.algorithm ?? "MD5";
      const session = named.toLowerCase().endsWith("-sess");
      if (named.toUpperCase().replace(/-SESS$/, "") !== algorithm) continue;
      return answerTo({ parameters, hashName, session, user, password, cnonce });
    }
  }
  return undefined;
}

function splitQop(qop: string): string[] {
  return qop.split(",").map((each) => each.trim().toLowerCase());
}

interface Answer {
  parameters: Readonly<Record<string, string>>;
  hashName: string;
  session: boolean;
  user: string;
  password: string;
  cnonce: () => string;
}

/** RFC 7616 section 3.4. */
function answerTo({ parameters, hashName, session, user, password, cnonce }: Answer): DigestSession {
  const hash = (text: string): string => createHash(hashName).update(text).digest("hex");
  const { realm = "", nonce = "", opaque, algorithm, qop } = parameters;
  const hidden = parameters.userhash?.toLowerCase() === "true";
  let count = 0;
  return {
    nonce,
    authorize({ method, uri }) {
      count += 1;
      const nc = count.toString(16).padStart(8, "0");
      const client = cnonce();
      const plain = hash(`${user}:${realm}:${password}`);
      const a1 = session ? hash(`${plain}:${nonce}:${client}`) : plain;
      const a2 = hash(`${method}:${uri}`);
      const response =
        qop === undefined ? hash(`${a1}:${nonce}:${a2}`) : hash(`${a1}:${nonce}:${nc}:${client}:auth:${a2}`);
      const parts = [
        nameOf(hidden ? hash(`${user}:${realm}`) : user),
        `realm=${quote(realm)}`,
        `nonce=${quote(nonce)}`,
        `uri=${quote(uri)}`,
        `response="${response}"`,
        ...(algorithm === undefined ? [] : [`algorithm=${algorithm.replace(/[^\w-]/g, "")}`]),
        ...(qop === undefined && !session ? [] : [`cnonce="${client}"`]),
        ...(qop === undefined ? [] : ["qop=auth", `nc=${nc}`]),
        ...(opaque === undefined ? [] : [`opaque=${quote(opaque)}`]),
        ...(hidden ? ["userhash=true"] : []),
      ];
      return `Digest ${parts.join(", ")}`;
    },
  };
}

/** A name that no quoted string can carry is said as RFC 8187 has it. */
function nameOf(user: string): string {
  return /^[\x20-\x7e]*$/.test(user)
    ? `username=${quote(user)}`
    : `username*=UTF-8''${encodeURIComponent(user)}`;
}

function quote(text: string): string {
  return `"${text.replace(/[\r\n]/g, "").replace(/["\\]/g, "\\$&")}"`;
}
