/** Sessions of people who have logged in: each lasts as long as its connection to the node does. */
import type { Audit } from "./audit.ts";
import type { Asker, UserTarget } from "./types.ts";

/** A session's connection, at the node's end. */
export interface SessionConnection {
  /** Resolves when the other end has gone. */
  closed: Promise<void>;
  /** Tells the other end why, and hangs up. */
  end(reason: string): void;
}

export interface NewSession {
  asker: Asker;
  /** The command that was asked for; empty for a shell. */
  command: string;
  from?: string;
}

/** More than ssh lets in at a time, for who opens the socket otherwise. */
const mostSessions = 64;

export class Sessions {
  readonly #audit: Audit;
  readonly #open = new Map<SessionConnection, { session: NewSession; reason: string | undefined }>();
  readonly #ends = new Set<Promise<void>>();

  constructor(audit: Audit) {
    this.#audit = audit;
  }

  get full(): boolean {
    return this.#open.size >= mostSessions;
  }

  /** Resolves when the begin is in the audit trail. @throws UmecError of the audit trail; there is no session then */
  async begin(session: NewSession, connection: SessionConnection): Promise<void> {
    const entry = entryOf(session);
    // Before the wait: who is taken out of the target state meanwhile must be found.
    const state: { session: NewSession; reason: string | undefined } = { session, reason: undefined };
    this.#open.set(connection, state);
    try {
      await this.#audit.append({ ...entry, result: "begin" });
    } catch (error) {
      this.#open.delete(connection);
      throw error;
    }
    const end = connection.closed.then(async () => {
      this.#open.delete(connection);
      const why = state.reason === undefined ? "" : `: ${state.reason}`;
      await this.#audit.conclude({ ...entry, result: `end${why}` });
      this.#ends.delete(end);
    });
    this.#ends.add(end);
  }

  /** Ends the sessions of those who are not among `users` any more, or not with that level. */
  keep(users: readonly UserTarget[]): void {
    this.#end("this person may no longer log in", ({ asker }) =>
      users.every(({ name, level }) => name !== asker.person || level !== asker.level),
    );
  }

  /** Says of all that are open that the node stops; resolves when they are closed and that is told. */
  async stop(): Promise<void> {
    for (const state of this.#open.values()) state.reason ??= "the node stops";
    await Promise.all(this.#ends);
  }

  #end(reason: string, which: (session: NewSession) => boolean): void {
    for (const [connection, state] of this.#open) {
      if (!which(state.session)) continue;
      state.reason = reason;
      connection.end(reason);
    }
  }
}

function entryOf({ asker, command, from }: NewSession) {
  return {
    kind: "session" as const,
    asker,
    what: command === "" ? "shell" : command,
    ...(from !== undefined && { from }),
  };
}
