import type { AccountClaims } from "../nats/claims.ts";

/**
 * Where the hub's accounts go once they have changed. The embedded hub signs them into its nats-server's configuration and has
 * it read again; a cluster of one's own takes them otherwise.
 */
export interface AccountPublisher {
  /**
   * Resolves when these are the accounts that servers go by, all of them; what is not among them is cut off. One call at
   * a time. When it rejects the accounts are those of before.
   */
  publish(accounts: readonly AccountClaims[]): Promise<void>;
}
