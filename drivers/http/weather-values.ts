/** What a weather station measures at one moment. */
export interface Observation {
  /** RFC 3339. */
  observedAt: string;
  /** Air, in degrees Celsius. */
  temperature: number;
  /** Relative, in percent. */
  humidity: number;
  /** `speed` in m/s, `direction` in degrees from north, where the wind comes from. */
  wind: { speed: number; direction: number };
  /** Since the station was set up, in mm. */
  rain: number;
  /** Reduced to sea level, in hPa. */
  pressure: number;
  /** Heater of the rain gauge. */
  heater: boolean;
}

export type Values = Omit<Observation, "observedAt" | "heater">;

/** Gives the values of one observation after the other. */
export type NextValues = (observedMs: number, before: Values | undefined) => Values;

/**
 * Weather that looks like weather: a day's course of temperature and humidity, and the rest in small steps
 * from what it was. The same `seed` (a whole number) and times give the same weather.
 */
export function weatherFrom(seed: number): NextValues {
  const random = randomFrom(seed);
  const step = (value: number, most: number, low: number, high: number) =>
    Math.min(high, Math.max(low, value + (random() * 2 - 1) * most));
  return (observedMs, before) => {
    const hour = (observedMs / 3_600_000) % 24;
    // Coldest before sunrise, warmest in the afternoon.
    const day = -Math.cos(((hour - 3) / 24) * 2 * Math.PI);
    const pressure = step(before?.pressure ?? 1013, 0.3, 970, 1045);
    const shower = random() > 0.9 ? random() * 0.6 : 0;
    return {
      temperature: round(14 + 6 * day + (random() - 0.5) * 0.4, 1),
      humidity: round(68 - 18 * day + (random() - 0.5) * 2, 0),
      wind: {
        speed: round(step(before?.wind.speed ?? 3, 0.8, 0, 32), 1),
        direction: round((step(before?.wind.direction ?? 230, 12, -360, 720) + 360) % 360, 0) % 360,
      },
      rain: round((before?.rain ?? 0) + shower, 1),
      pressure: round(pressure, 1),
    };
  };
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

/** Numbers from 0 to 1 by a linear congruence modulo 2^32: plenty for weather, nothing for secrets. */
function randomFrom(seed: number): () => number {
  let state = (Math.imul(seed, 2_654_435_761) ^ 0x5bd1e995) >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
