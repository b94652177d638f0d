import type { Profile } from "../profile.ts";

const lamp = { table: "coil", access: "read-write" } as const;
const level = { access: "read-write", min: 0, max: 100, unit: "%" } as const;
const input = { table: "discrete" } as const;

/**
 * A dimmer for three circuits of mains lamps, with six inputs for switches. From Wiren Board's register map of the
 * WB-MDM3: a coil switches a circuit, a holding register dims it in percent, and 0 there switches it off.
 */
export const wbMdm3: Profile = {
  summary: "dimmer for three circuits of lamps, Wiren Board WB-MDM3",
  line: "9600 8N2",
  registers: {
    "lamp1-on": { ...lamp, address: 0 },
    "lamp2-on": { ...lamp, address: 1 },
    "lamp3-on": { ...lamp, address: 2 },
    "lamp1-level": { ...level, address: 0 },
    "lamp2-level": { ...level, address: 1 },
    "lamp3-level": { ...level, address: 2 },
    input1: { ...input, address: 0 },
    input2: { ...input, address: 1 },
    input3: { ...input, address: 2 },
    input4: { ...input, address: 3 },
    input5: { ...input, address: 4 },
    input6: { ...input, address: 5 },
  },
};
