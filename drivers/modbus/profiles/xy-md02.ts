import type { Profile } from "../profile.ts";

/**
 * A temperature and humidity probe with an SHT20 or SHT30 behind a converter, sold under many names. From the sheet
 * that comes with it: tenths of a degree, two's complement, and tenths of a percent. The corrections, holding
 * registers 0x0103 and 0x0104 in tenths as well, are not polled; variants differ in them.
 */
export const xyMd02: Profile = {
  summary: "temperature and humidity probe XY-MD02 (SHT20) and its kin",
  line: "9600 8N1",
  intervalMs: 5000,
  registers: {
    temperature: { table: "input", address: 1, type: "int16", scale: 0.1, unit: "Cel" },
    humidity: { table: "input", address: 2, type: "uint16", scale: 0.1, unit: "%RH" },
  },
};
