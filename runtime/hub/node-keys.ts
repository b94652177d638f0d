/**
 * Who signed a frame, judged by what the hub knows of its node (../hub-nodes-wire.ts).
 *
 * - **A node that the hub has no record of** has frames that are `unsigned` or `unknown`: nothing is proven, nothing refused.
 * - **Before its first enrolment** a node's frames are the same, unless a key that came to be known signed them: a node may
 *   have had a life at this hub before there were keys. The time is the hub's own, which no node can set back.
 * - **From then on** a frame is `verified`, or it is forged. There is no third: a node that is enrolled signs all it sends.
 * - **Keys of hardware that was replaced** prove what was stored until then, and a minute more for what was under way and
 *   for clocks of several hubs. What they sign later is forged: that hardware may be in anybody's hands.
 */
import type { KeyObject } from "node:crypto";
import { isSignedBy, signatureHeaderName, signingKey } from "../frame-signature.ts";
import type { ForgedFrame, HubFrame } from "./frames.ts";
import type { BucketRecord } from "./node-records.ts";

const formerMarginMs = 60_000;

interface KnownKey {
  key: KeyObject;
  untilMs: number;
}

export class NodeKeys {
  readonly #keys: KnownKey[];
  readonly #enrolledAtMs: number;

  /** @param record `undefined` when the hub has none */
  constructor(record: BucketRecord | undefined) {
    const all = record ? [{ keys: record.keys, untilMs: Infinity }, ...record.former.toReversed()] : [];
    this.#keys = all.flatMap(({ keys, untilMs }) => {
      const key = signingKey(keys.sign);
      return key ? [{ key, untilMs }] : [];
    });
    this.#enrolledAtMs = record ? (record.firstEnrolledAtMs ?? record.enrolledAtMs) : Infinity;
  }

  /** The frame with what is proven of it; or that it is forged, and why. */
  judge(frame: HubFrame): HubFrame | ForgedFrame {
    const { subject, headerText: header, data: payload, signature, storedAtMs } = frame;
    const lenient = storedAtMs < this.#enrolledAtMs;
    if (signature === undefined)
      return lenient ? frame : forged(frame, `it has no header ${signatureHeaderName}`);
    const signer = this.#keys.find(({ key }) => isSignedBy({ subject, header, payload }, signature, key));
    if (!signer)
      return lenient ? frame : forged(frame, "its signature is not of this frame by a key of this node");
    if (storedAtMs > signer.untilMs + formerMarginMs) {
      const until = new Date(signer.untilMs).toISOString();
      return forged(frame, `it is signed by the key of hardware that was replaced at ${until}`);
    }
    return { ...frame, signed: "verified" };
  }
}

export function isForged(frame: HubFrame | ForgedFrame): frame is ForgedFrame {
  return "forged" in frame;
}

function forged({ subject, seq, storedAtMs }: HubFrame, reason: string): ForgedFrame {
  return { forged: true, subject, seq, storedAtMs, reason };
}
