import type { Profile } from "../profile.ts";

const value = { table: "input", type: "float32" } as const;
/** Counters of the meter; it gives them in kWh. */
const counter = { ...value, unit: "kWh", intervalMs: 60_000, priority: "low" } as const;

/**
 * A single-phase energy meter on a rail. From Eastron's "SDM120-Modbus Smart Meter Modbus Protocol Implementation":
 * input registers, each value a float of two registers, the high word first, at most 40 values in a request.
 */
export const eastronSdm120: Profile = {
  summary: "single-phase energy meter Eastron SDM120; SDM220 and SDM230 have the same registers",
  line: "2400 8N1; newer ones 9600",
  maxRegistersPerRead: 80,
  registers: {
    voltage: { ...value, address: 0x0000, unit: "V" },
    current: { ...value, address: 0x0006, unit: "A" },
    power: { ...value, address: 0x000c, unit: "W" },
    "apparent-power": { ...value, address: 0x0012, unit: "VA" },
    "reactive-power": { ...value, address: 0x0018, unit: "var" },
    "power-factor": { ...value, address: 0x001e, unit: "/" },
    frequency: { ...value, address: 0x0046, unit: "Hz" },
    "energy-import": { ...counter, address: 0x0048 },
    "energy-export": { ...counter, address: 0x004a },
    "energy-total": { ...counter, address: 0x0156 },
  },
};
