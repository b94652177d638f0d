/** A level of a pin. */
export type Level = 0 | 1;

/** A change of an output; `atMs` counts from the start of this test's process (`performance.now()`), in milliseconds. */
export interface Edge {
  readonly level: Level;
  readonly atMs: number;
}

/** What a test holds of one pin. */
export interface GpioHandle {
  readonly name: string;
  /** Drives the pin from outside; the guest sees an input and its edge interrupt. Kept over a power cut. */
  drive(level: Level): Promise<void>;
  /** The level at the pin now, as the controller's own register shows it. */
  level(): Promise<Level>;
  /** Changes of the output from now on; ends with the signal or when the attachment stops. Keeps the newest 4096 that nobody read. */
  edges(options?: { signal?: AbortSignal }): AsyncIterableIterator<Edge>;
}
