/** Numbers as the demo shows them. */
export function count(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** `18 ms`, `2.4 s`; `-` for none. */
export function latency(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return "-";
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

export function seconds(ms: number): string {
  return `${Math.max(0, Math.round(ms / 1000))} s`;
}

/** A measured value as people write it. */
export function measured(value: number | string | boolean, unit: string, digits: number): string {
  if (typeof value !== "number") return String(value);
  // A large number of the small unit is hard to read.
  const [factor, name, more] = larger[unit] ?? [1, names[unit] ?? unit, 0];
  const places = digits + more;
  const text = (value / factor).toLocaleString("en-US", {
    minimumFractionDigits: places,
    maximumFractionDigits: places,
  });
  return `${text} ${name}`;
}

const larger: Readonly<Record<string, readonly [factor: number, name: string, digits: number]>> = {
  Wh: [1000, "kWh", 3],
  Pa: [100, "hPa", 1],
};
/** SenML's units where people write others. */
const names: Readonly<Record<string, string>> = { Cel: "°C", "%RH": "%", "m/s2": "m/s²", "1/min": "rpm" };

const bars = " ▁▂▃▄▅▆▇█";

/** The newest `width` values as bars; the highest fills its line, if it is at least `full`. */
export function spark(values: readonly number[], width: number, full: number): string {
  const shown = values.slice(-width);
  const most = Math.max(full, ...shown);
  return shown.map((value) => bars[Math.round((value / most) * (bars.length - 1))]).join("");
}
