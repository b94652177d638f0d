/**
 * The two edges below the client, each small enough for a twin in a test.
 *
 * A {@link Framing} knows how PDUs are wrapped (MBAP; RTU with its CRC), a {@link OpenLine} where bytes go
 * (a TCP socket; a serial port). Modbus TCP is MBAP on a socket, RTU over TCP is RTU on a socket, and a
 * serial bus is RTU on a port: any pair makes a client.
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
