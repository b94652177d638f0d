/** What a refused or unanswered request of the JetStream API means, in the hub's own codes. */
import { JetStreamApiError } from "@nats-io/jetstream";
import { errors } from "@nats-io/nats-core";
import { messageOf, UmecError } from "../errors.ts";

/** JetStream's own error codes (`err_code`) that mean something here. */
export const apiCodes = {
  noSuitablePeers: 10005,
  clusterNotAvailable: 10008,
  insufficientResources: 10023,
  noMessageFound: 10037,
  streamNameInUse: 10058,
  streamNotFound: 10059,
  subjectsOverlap: 10065,
  replicasNeedCluster: 10074,
} as const;

export function apiCode(error: unknown): number | undefined {
  return error instanceof JetStreamApiError ? error.code : undefined;
}

/**
 * `HUB_NO_JETSTREAM`, `HUB_NO_STREAM`, `HUB_FORBIDDEN`, `HUB_STREAM_CONFLICT`, `HUB_NO_ANSWER`,
 * `HUB_NOT_READY`, or else `HUB_REFUSED` with the server's own words. `doing` begins the message, as in "make the stream TELEMETRY".
 */
export function hubError(doing: string, cause: unknown): UmecError {
  if (cause instanceof UmecError) return cause;
  const made = (code: string, reason: string, hint?: string) =>
    new UmecError(code, `could not ${doing}: ${reason}`, hint === undefined ? { cause } : { cause, hint });
  const said = messageOf(cause);

  // The class itself is not exported.
  if (cause instanceof Error && cause.name === "JetStreamNotEnabled") {
    return made(
      "HUB_NO_JETSTREAM",
      "JetStream is off on this server or for this account",
      "turn it on with `jetstream {}` in the configuration of nats-server and `jetstream: enabled` in the account",
    );
  }
  const denied = [cause, (cause as Error | undefined)?.cause].some(
    (error) => error instanceof errors.PermissionViolationError,
  );
  if (denied) {
    return made(
      "HUB_FORBIDDEN",
      said,
      "connect as a user of the fleet's account that may publish $JS.API.> and subscribe its inbox",
    );
  }
  if (cause instanceof errors.TimeoutError) {
    return made(
      "HUB_NO_ANSWER",
      "no answer in time",
      "try again; a cluster without a leader does not answer",
    );
  }
  switch (apiCode(cause)) {
    case apiCodes.streamNotFound:
      return made("HUB_NO_STREAM", said, "provision the hub first");
    case apiCodes.clusterNotAvailable:
      return made(
        "HUB_NOT_READY",
        said,
        "the cluster has no leader yet: try again, and see that most servers are up",
      );
    // Also while a new leader has not heard of the other servers yet.
    case apiCodes.noSuitablePeers:
      return made(
        "HUB_NOT_READY",
        said,
        "too few servers are up for so many copies: try again, or ask for fewer with --replicas",
      );
    case apiCodes.subjectsOverlap:
    case apiCodes.streamNameInUse:
      return made(
        "HUB_STREAM_CONFLICT",
        said,
        "remove the other stream, or keep umec.> out of its subjects: each frame is to be stored once",
      );
    default:
      return made("HUB_REFUSED", said);
  }
}
