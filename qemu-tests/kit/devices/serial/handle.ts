import type { ModbusSlave } from "../../../../drivers/modbus/simulator-rtu.ts";

/** What a test holds of the line behind the board's free serial port; `guest-names.ts` names the tty in the guest. */
export interface SerialHandle {
  readonly name: string;
  /** The Modbus RTU slave on the line: its units, register banks, faults and log. */
  readonly slave: ModbusSlave;
}
