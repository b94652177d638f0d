/**
 * The edge below the client, small enough for a twin in a test (`memory-line.ts`).
 *
 * An {@link OpenLine} says where bytes go: a TCP socket, a serial port. A {@link Framing} says how a pipeline wraps
 * its PDUs. What RTU puts around them, and how it finds them again, is `rtu-frame.ts` and `rtu-reply.ts`: its frames
 * can't be told without knowing what was asked.
 */

/** An open line: a pipe of bytes. */
export interface Line {
  write(bytes: Uint8Array): void;
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

/** Called for each frame; `pdu` is a view that is valid only during the call. */
export type OnFrame = (transactionId: number, unit: number, pdu: Buffer) => void;

export interface Framing {
  /** The application data unit: what goes over the line. `transactionId` is 0 to 65535. */
  encode(transactionId: number, unit: number, pdu: Buffer): Buffer;
  /**
   * A parser for one connection; takes chunks cut anywhere. Throws `MODBUS_FRAME` when the stream can't be
   * followed any more: then the connection has to be closed.
   */
  createDecoder(onFrame: OnFrame): (chunk: Buffer) => void;
}
