/** How a simulated camera checks who asks: by its own reading of RFC 7616 and of the UsernameToken profile. */
import { createHash, randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { SimulatorState } from "./simulator-state.ts";

const hash = (name: string, text: string): string => createHash(name).update(text).digest("hex");

export interface DigestGate {
  /** The challenge to answer with, or `undefined` when the request is admitted. */
  challenge(request: Pick<IncomingMessage, "method" | "url" | "headers">): string | undefined;
}

export function createDigestGate(state: SimulatorState): DigestGate {
  const nonces = new Map<string, Set<string>>();
  const fresh = (stale = false): string => {
    const nonce = randomBytes(12).toString("hex");
    nonces.set(nonce, new Set());
    const sha = state.auth === "digest-sha256" ? ", algorithm=SHA-256" : "";
    return `Digest realm="camera, \\"front\\"", qop="auth", nonce="${nonce}", opaque="o"${sha}${stale ? ", stale=true" : ""}`;
  };
  return {
    challenge({ method = "", url = "", headers }) {
      if (state.misbehaviour.loop401) return fresh();
      if (state.misbehaviour.alwaysStale) return fresh(true);
      const given = headers.authorization;
      if (!given?.startsWith("Digest ")) return fresh();
      const part = (name: string): string =>
        given
          .match(new RegExp(`[ ,]${name}=(?:"((?:[^"\\\\]|\\\\.)*)"|([^, ]*))`))
          ?.slice(1)
          .find((each) => each !== undefined) ?? "";
      const used = nonces.get(part("nonce"));
      // A count that came before is a replay.
      if (!used || used.has(part("nc"))) return fresh(true);
      const name = state.auth === "digest-sha256" ? "sha256" : "md5";
      const a1 = hash(name, `${state.user}:camera, "front":${state.password}`);
      const a2 = hash(name, `${method}:${url}`);
      const wanted = hash(name, [a1, part("nonce"), part("nc"), part("cnonce"), "auth", a2].join(":"));
      if (part("response") !== wanted || part("uri") !== url || part("username") !== state.user)
        return fresh();
      used.add(part("nc"));
      return undefined;
    },
  };
}

/** Whether a UsernameToken is right and its time is within 5 s of the camera's clock. */
export function tokenIsGood(xml: string, state: SimulatorState): boolean {
  const text = (name: string): string =>
    xml.match(new RegExp(`<wss?[eu]:${name}(?: [^>]*)?>([^<]*)<`))?.[1] ?? "";
  const created = text("Created");
  const off = Math.abs(Date.parse(created) - (Date.now() + state.clockMs));
  const digest = createHash("sha1")
    .update(Buffer.from(text("Nonce"), "base64"))
    .update(created + state.password)
    .digest("base64");
  return text("Username") === state.user && text("Password") === digest && off < 5000;
}
