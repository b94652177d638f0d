import type { NatsConnection } from "@nats-io/transport-node";

/** Whether a connection reads what its server sends. Meanwhile the server holds it back, up to its `max_pending`. */
export interface Flow {
  pause(): void;
  resume(): void;
}

/**
 * The client has no public way to stop reading, and libuv reads up to 32 times 64 KiB of one socket in a turn of the
 * event loop. So this asks for the socket behind the connection; where a later client keeps it elsewhere, nothing is
 * paused, and the test says so.
 */
export function flowOf(connection: NatsConnection): Flow {
  const socket = (): Partial<Flow> | undefined =>
    (connection as unknown as { protocol?: { transport?: { socket?: Partial<Flow> } } }).protocol?.transport
      ?.socket;
  return {
    pause: () => void socket()?.pause?.(),
    resume: () => void socket()?.resume?.(),
  };
}
