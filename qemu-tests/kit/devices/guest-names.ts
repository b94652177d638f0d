import type { MachineName } from "./types.ts";

/** Where the hardware of this kit appears in the guest. */
export interface GuestNames {
  /** The I2C bus that chips are attached to. */
  readonly i2c: string;
  /** The tty of the free serial port. */
  readonly serial: string;
  /** The GPIO controller that lines are attached to: bank 1 where there are several. */
  readonly gpioChip: string;
}

/**
 * With our kernel and device trees. The order of `-serial` arguments is the machine's:
 * virt: console, free port; imx8mp-evk: null, console, free port; raspi3b: free port, console (the mini UART loses
 * bytes of long frames, so it is the console).
 */
export const guestNames: Readonly<Record<MachineName, GuestNames>> = {
  virt: { i2c: "/dev/i2c-0", serial: "/dev/ttyAMA1", gpioChip: "/dev/gpiochip0" },
  "imx8mp-evk": { i2c: "/dev/i2c-2", serial: "/dev/ttymxc2", gpioChip: "/dev/gpiochip0" },
  raspi3b: { i2c: "/dev/i2c-1", serial: "/dev/ttyAMA0", gpioChip: "/dev/gpiochip0" },
};

/** Which `-serial` argument of the machine is the free port, from 0. */
export const freeSerialIndex: Readonly<Record<MachineName, number>> = {
  virt: 1,
  "imx8mp-evk": 2,
  raspi3b: 0,
};
