/** Events of a `text/event-stream` (HTML Living Standard section 9.2), as bytes. */

/** How soon a client that was cut off comes again. */
export const retryMs = 3_000;

const encoder = new TextEncoder();

export interface ServerEvent {
  id?: string;
  /** @default "message" */
  event?: string;
  /** Of one line. */
  data: string;
}

export function eventBytes({ id, event, data }: ServerEvent): Uint8Array {
  const head = `${id === undefined ? "" : `id: ${id}\n`}${event === undefined ? "" : `event: ${event}\n`}`;
  return encoder.encode(`${head}data: ${data}\n\n`);
}

export const firstBytes = encoder.encode(`retry: ${retryMs}\n\n`);
/** A comment: nobody sees it, and a dead connection is noticed. */
export const idleBytes = encoder.encode(":\n\n");

export function lostBytes(count: number): Uint8Array {
  return eventBytes({ event: "lost", data: JSON.stringify({ count }) });
}
