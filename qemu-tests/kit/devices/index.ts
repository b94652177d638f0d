/** The hardware around an emulated board. */
export { createMemory, type Memory, type SimulatedUnit } from "../../../drivers/modbus/simulator-answer.ts";
export type {
  MisbehaveOptions,
  Misbehaviour,
  ModbusSlave,
  SlaveLogEntry,
} from "../../../drivers/modbus/simulator-rtu.ts";
export { type GpioLines, type GpioLinesOptions, gpioLines } from "./gpio/attachment.ts";
export type { Edge, GpioHandle, Level } from "./gpio/handle.ts";
export { type GuestNames, guestNames } from "./guest-names.ts";
export { type ChipOptions, type I2cBusOptions, type I2cChips, i2cBus } from "./i2c/attachment.ts";
export type { ChipModel } from "./i2c/chip.ts";
export type { ChipValues, I2cHandle, I2cMessage } from "./i2c/handle.ts";
export type { ModelName } from "./i2c/models.ts";
export { type SerialPort, type SerialPortOptions, serialPort } from "./serial/attachment.ts";
export { type ByteStream, type ByteStreamOptions, byteStream } from "./serial/byte-stream.ts";
export type { SerialHandle } from "./serial/handle.ts";
export { type UsbSerial, type UsbSerialOptions, usbSerial } from "./serial/usb-serial.ts";
export { type SpiFlashOptions, spiFlash } from "./spi/flash.ts";
export type { DeviceAttachment, MachineName } from "./types.ts";
