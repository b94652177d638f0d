import { isUmecError, messageOf } from "../errors.ts";
import { type IdentityOptions, openIdentity, readKek } from "./identity.ts";
import type { IdentityStatus, NodeIdentity } from "./types.ts";

export interface KeyringOptions extends Omit<IdentityOptions, "kek"> {
  /** Where the service manager says what it hands over. */
  env: NodeJS.ProcessEnv;
}

/**
 * A node's identity, or why there is none. Without its keys a node measures and stores; it does not link, and opens no sealed
 * secret. A seed that can't be read is left alone, and tried again at each `open`: what somebody puts in order counts
 * without a restart.
 */
export class Keyring {
  readonly #options: KeyringOptions;
  #identity: NodeIdentity | undefined;
  #fault: IdentityStatus["fault"];
  #opening: Promise<NodeIdentity> | undefined;

  constructor(options: KeyringOptions) {
    this.#options = options;
  }

  /** One attempt at a time, so that no two seeds are made. @throws UmecError as `openIdentity` and `readKek` */
  open(): Promise<NodeIdentity> {
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  status(): IdentityStatus {
    const { keys, bound = false } = this.#identity ?? {};
    return { ...(keys && { keys }), bound, ...(this.#fault && { fault: this.#fault }) };
  }

  async #open(): Promise<NodeIdentity> {
    if (this.#identity) return this.#identity;
    const { dir, env, log } = this.#options;
    try {
      this.#identity = await openIdentity({ dir, kek: await readKek(env), log });
      this.#fault = undefined;
      return this.#identity;
    } catch (error) {
      const code = isUmecError(error) ? error.code : "IDENTITY_UNREADABLE";
      const fault = { code, message: messageOf(error) };
      if (fault.message !== this.#fault?.message)
        log.error(`${fault.message}: until it is put in order this node does not link`, { code });
      this.#fault = fault;
      throw error;
    }
  }
}
