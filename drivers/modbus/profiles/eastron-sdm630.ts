import type { Profile } from "../profile.ts";

const value = { table: "input", type: "float32" } as const;
/** Counters of the meter; it gives them in kWh. */
const counter = { ...value, unit: "kWh", intervalMs: 60_000, priority: "low" } as const;

/**
 * A three-phase energy meter on a rail. From Eastron's "SDM630Modbus Smart Meter Modbus Protocol Implementation V1.8":
 * input registers, each value a float of two registers, the high word first (unless its holding register for the
 * order was changed), at most 40 values in a request. What the chosen wiring does not have reads as 0.
 */
export const eastronSdm630: Profile = {
  summary: "three-phase energy meter Eastron SDM630 (V2, MCT)",
  line: "9600 8N1",
  maxRegistersPerRead: 80,
  registers: {
    "voltage-l1": { ...value, address: 0x0000, unit: "V" },
    "voltage-l2": { ...value, address: 0x0002, unit: "V" },
    "voltage-l3": { ...value, address: 0x0004, unit: "V" },
    "current-l1": { ...value, address: 0x0006, unit: "A" },
    "current-l2": { ...value, address: 0x0008, unit: "A" },
    "current-l3": { ...value, address: 0x000a, unit: "A" },
    "power-l1": { ...value, address: 0x000c, unit: "W" },
    "power-l2": { ...value, address: 0x000e, unit: "W" },
    "power-l3": { ...value, address: 0x0010, unit: "W" },
    power: { ...value, address: 0x0034, unit: "W" },
    "apparent-power": { ...value, address: 0x0038, unit: "VA" },
    "reactive-power": { ...value, address: 0x003c, unit: "var" },
    "power-factor": { ...value, address: 0x003e, unit: "/" },
    frequency: { ...value, address: 0x0046, unit: "Hz" },
    "energy-import": { ...counter, address: 0x0048 },
    "energy-export": { ...counter, address: 0x004a },
    "energy-total": { ...counter, address: 0x0156 },
  },
};
