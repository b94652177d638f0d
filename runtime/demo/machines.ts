/** What the simulated Modbus devices measure; node-file.ts has their registers. */

/**
 * An energy meter in a workshop: a fridge that comes and goes, lights, and a machine that draws in waves.
 * Registers: voltage 0.1 V, current 0.01 A, power W, frequency 0.01 Hz, energy Wh in two.
 */
export function runMeter(nowMs: () => number = () => performance.now()): () => number[] {
  let beforeMs = nowMs();
  let energyWh = 18_432_118;
  return () => {
    const ms = nowMs();
    const s = ms / 1000;
    const fridge = s % 24 < 9 ? 95 : 0;
    const machine = 420 * Math.max(0, Math.sin(s / 2.3)) ** 2;
    const power = 310 + fridge + machine + spread(12);
    const voltage = 231.2 + 1.4 * Math.sin(s / 11) - power / 900 + spread(0.2);
    energyWh += (power * (ms - beforeMs)) / 3_600_000;
    beforeMs = ms;
    const wh = Math.floor(energyWh);
    return [
      Math.round(voltage * 10),
      Math.round((power / voltage) * 100),
      Math.round(power),
      Math.round((50 + 0.02 * Math.sin(s / 17) + spread(0.01)) * 100),
      Math.floor(wh / 65_536),
      wh % 65_536,
    ];
  };
}

/**
 * A sensor on a pump whose shaft turns at about 1480 per minute.
 * Registers: acceleration along x, y and z in 0.01 m/s², as int16, and the shaft's speed in 1/min.
 */
export function runPump(nowMs: () => number = () => performance.now()): () => number[] {
  return () => {
    const s = nowMs() / 1000;
    const speed = 1480 + 9 * Math.sin(s / 3.1) + spread(1.5);
    const turn = 2 * Math.PI * (1480 / 60) * s;
    const strength = 1 + 0.6 * Math.sin(s / 4.7);
    return [
      int16(100 * (strength * Math.sin(turn) + spread(0.12))),
      int16(100 * (0.7 * strength * Math.cos(turn) + spread(0.12))),
      int16(100 * (9.81 + 0.3 * strength * Math.sin(2 * turn) + spread(0.08))),
      Math.round(speed),
    ];
  };
}

function spread(most: number): number {
  return (Math.random() * 2 - 1) * most;
}

function int16(value: number): number {
  return Math.round(value) & 0xffff;
}
