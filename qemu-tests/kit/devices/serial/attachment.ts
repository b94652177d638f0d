import { ModbusSlave, type SimulatedUnit } from "../../../../drivers/modbus/simulator-rtu.ts";
import type { DeviceAttachment } from "../types.ts";
import type { SerialHandle } from "./handle.ts";
import { lineServer } from "./line-server.ts";

export interface SerialPortOptions {
  /** @default "rs485" */
  id?: string;
  /** Slaves on the line by unit number. @default none; `slave.units` may be filled later */
  units?: Readonly<Record<number, SimulatedUnit>>;
}

export interface SerialPort extends DeviceAttachment, SerialHandle {}

/** The board's free serial port with Modbus slaves behind it; see {@link lineServer}. */
export function serialPort({ id = "rs485", units = {} }: SerialPortOptions = {}): SerialPort {
  const slave = new ModbusSlave(units);
  const port: SerialPort = {
    ...lineServer(id, (line) => slave.serve(line)),
    name: id,
    slave,
    handles: {
      get serial(): ReadonlyMap<string, SerialHandle> {
        return new Map([[id, port]]);
      },
    },
  };
  return port;
}
