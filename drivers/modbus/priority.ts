/**
 * Whose turn it is when many wait for one line.
 *
 * Commands go first. Polls are served by *due time*: the moment of asking plus a patience that depends on the
 * priority. So a request of high priority passes all that wait, and one of low priority lets pass what was asked up to
 * ten seconds after it, but no more: then it is due, and goes before a high one that was asked later. That is earliest
 * deadline first (Liu and Layland, 1973), and it is why nothing starves: a poll asks again only when it was answered,
 * so what can be due before a given request is bounded, however crowded the line.
 *
 * An application may send commands faster than a line can take them; so after {@link commandsInARow} of them one poll
 * goes, if any waits.
 */
export const priorities = ["high", "normal", "low"] as const;
export type Priority = (typeof priorities)[number];

/** How long a request lets those of high priority pass, in milliseconds. */
export const patienceMs: Readonly<Record<Priority, number>> = { high: 0, normal: 1000, low: 10_000 };

/** Requests of commands (a write and its read-back are two) after which a poll gets its turn. */
export const commandsInARow = 16;
