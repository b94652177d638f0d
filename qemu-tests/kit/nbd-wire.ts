/** Numbers of the NBD protocol ("The NBD protocol", doc/proto.md of the NBD project), the part that we speak. */

export const magic = {
  /** "NBDMAGIC" */
  greeting: 0x4e42444d41474943n,
  /** "IHAVEOPT" */
  option: 0x49484156454f5054n,
  optionReply: 0x0003e889045565a9n,
  request: 0x25609513,
  simpleReply: 0x67446698,
} as const;

export const handshakeFlags = { fixedNewstyle: 1, noZeroes: 2 } as const;

export const option = { exportName: 1, abort: 2, list: 3, info: 6, go: 7 } as const;

export const optionReply = {
  ack: 1,
  server: 2,
  info: 3,
  unsupported: 0x80000001,
  invalid: 0x80000003,
} as const;

export const info = { export: 0, blockSize: 3 } as const;

export const transmissionFlags = { hasFlags: 1, sendFlush: 4, sendFua: 8, sendTrim: 32 } as const;

export const command = { read: 0, write: 1, disconnect: 2, flush: 3, trim: 4 } as const;

export const commandFlags = { fua: 1 } as const;

/** Numbers of Linux's errno, as the protocol lays down. */
export const errno = { io: 5, invalid: 22, noSpace: 28 } as const;

/** The largest read or write; what a client must not exceed if nothing else was agreed. */
export const largestRequest = 32 * 2 ** 20;
