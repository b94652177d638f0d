/** What the parts of the API that have subscriptions see of the notifier. */
export interface Notifier {
  /**
   * Puts `body` in the subscription's queue. Never waits and never fails: what can't be delivered is logged.
   *
   * @param body a JSON value
   */
  notify(subscription: Subscriber, body: unknown): void;
  /** What waits for it is dropped; what is under way is broken off. */
  forget(id: string): void;
  /** Calls `listener` when a subscription's receiver is taken for dead; returns a function that ends it. */
  onDead(listener: (id: string, reason: string) => void): () => void;
  stats(): NotifierStats;
  /** Breaks off what is under way. */
  stop(): Promise<void>;
}

export interface Subscriber {
  /** Unique among all subscriptions of the node. */
  id: string;
  /** The URI that its notifications are sent to. */
  callback: string;
}

export interface NotifierStats {
  /** Subscriptions that something waits for. */
  queues: number;
  waiting: number;
  delivered: number;
  /** Dropped: refused by the receiver, given up, or pushed out of a full queue. */
  dropped: number;
}
