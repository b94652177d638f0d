import { UmecError } from "../../runtime/plugin/sdk.ts";

/** Names of the exception codes: MODBUS Application Protocol V1.1b3, section 7. */
const exceptionNames: Readonly<Record<number, string>> = {
  1: "illegal function",
  2: "illegal data address",
  3: "illegal data value",
  4: "server device failure",
  5: "acknowledge",
  6: "server device busy",
  8: "memory parity error",
  10: "gateway path unavailable",
  11: "gateway target device failed to respond",
};

/** The device answered with an exception; code `MODBUS_EXCEPTION`. */
export class ModbusException extends UmecError {
  /** Exception code, 1 to 255: section 7 of the application protocol. */
  readonly exception: number;

  constructor(functionCode: number, exception: number) {
    const name = exceptionNames[exception] ?? "unknown exception";
    super("MODBUS_EXCEPTION", `function ${functionCode} was refused: ${name} (exception ${exception})`);
    this.exception = exception;
  }

  /** The device does not have what was asked for, or not so much of it at once: asking again is no use. */
  get refusesRange(): boolean {
    return this.exception === 2 || this.exception === 3;
  }

  /** A gateway speaks for a device that is not there. */
  get unitIsSilent(): boolean {
    return this.exception === 10 || this.exception === 11;
  }
}

/** Whether `error` means that nobody answered, be it said by our clock or by a gateway. */
export function isSilence(error: unknown): boolean {
  return error instanceof ModbusException
    ? error.unitIsSilent
    : error instanceof UmecError && error.code === "MODBUS_TIMEOUT";
}

/** The reply, or the stream of them, is not Modbus. */
export function frameError(
  reason: string,
  hint = "check that the port really is a Modbus TCP server, and that nobody else's data is mixed in",
): UmecError {
  return new UmecError("MODBUS_FRAME", reason, { hint });
}

/** A value that the register can't hold, or a register that holds no value. */
export function valueError(reason: string): UmecError {
  return new UmecError("MODBUS_VALUE", reason);
}
