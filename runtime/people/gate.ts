/** What stands before each request: the rights, the people of the target state, and the audit trail. */
import { isUmecError, UmecError } from "../errors.ts";
import type { Audit, AuditKind } from "./audit.ts";
import { changing, leastLevels, may, type Right } from "./rights.ts";
import type { Asker, UserTarget } from "./types.ts";

export interface Asked {
  asker: Asker;
  right: Right;
  kind: AuditKind;
  /** In words, for the audit trail. */
  what: string;
}

export class Gate {
  readonly #audit: Audit;
  readonly #users: () => readonly UserTarget[];

  /** @param users those of the target state, asked for each request: who is taken out of it can do nothing more */
  constructor(audit: Audit, users: () => readonly UserTarget[]) {
    this.#audit = audit;
    this.#users = users;
  }

  /**
   * Does `work` if it is allowed. What changes something is in the audit trail before it is done, and again with what
   * came of it before this resolves.
   *
   * @throws UmecError `PERSON_NOT_ALLOWED`, `PERSON_UNKNOWN`, of the audit trail, or what `work` throws
   */
  async run<T>(asked: Asked, work: () => Promise<T>): Promise<T> {
    await this.admit(asked);
    if (!changing.has(asked.right)) return work();
    await this.#audit.append({ ...asked, result: "asked" });
    let done: T;
    try {
      done = await work();
    } catch (error) {
      await this.#audit.conclude({ ...asked, result: isUmecError(error) ? error.code : "failed" });
      throw error;
    }
    await this.#audit.conclude({ ...asked, result: "done" });
    return done;
  }

  /** A refusal is in the audit trail before this rejects. */
  async admit(asked: Asked): Promise<void> {
    const refusal = this.#refusal(asked);
    if (!refusal) return;
    await this.#audit.note({ ...asked, result: `refused: ${refusal.code}` });
    throw refusal;
  }

  #refusal({ asker, right }: Asked): UmecError | undefined {
    const { level, person } = asker;
    if (level !== "node" && !this.#users().some((user) => user.name === person && user.level === level)) {
      return new UmecError("PERSON_UNKNOWN", `there is no ${level} ${JSON.stringify(person)} on this node`, {
        hint: "log in again; if it stays so, the owner has taken this person out of node.yaml",
      });
    }
    if (may(asker, right)) return undefined;
    return new UmecError("PERSON_NOT_ALLOWED", `${person} is a ${level}, and may not do this`, {
      hint: `it takes a person of the level ${leastLevels[right]}`,
    });
  }
}
