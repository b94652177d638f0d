/** The edge below the driver, small enough for a twin in a test (`memory-line.ts`; the real one is `port.ts`). */

/** An open line: a pipe of bytes. */
export interface Line {
  /** Resolves when the kernel has taken the bytes; rejects when the line is gone. */
  write(bytes: Uint8Array): Promise<void>;
  /** Lets go at once. `closed` follows. */
  close(): void;
}

export interface LineEvents {
  /** Bytes that came; `chunk` is used again after the call, so what is kept must be copied. */
  data(chunk: Buffer): void;
  /** Called once, with the reason if there was one, after an opened line is gone. */
  closed(error?: Error): void;
}

/** Opens a line; rejects when it can't, or with the signal's reason. */
export type OpenLine = (events: LineEvents, signal: AbortSignal) => Promise<Line>;

export interface LineSettings {
  /** `/dev/ttyAMA1`; for USB best a name below `/dev/serial/by-id`, which stays. */
  path: string;
  /** Bits per second. */
  baudRate: number;
  dataBits: 7 | 8;
  parity: "none" | "even" | "odd";
  stopBits: 1 | 2;
  flow: "none" | "rts-cts" | "xon-xoff";
}
