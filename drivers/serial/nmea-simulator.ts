/** A GNSS receiver for tests: the sentences that one sends in an epoch. */
import { xorOf } from "./nmea-sentence.ts";

export interface SimulatedReceiver {
  /** Degrees, north is positive. */
  latitude: number;
  /** Degrees, east is positive. */
  longitude: number;
  /** Metres above mean sea level. */
  altitude: number;
  /** Metres per second. */
  speed: number;
  /** Degrees from true north. */
  course: number;
  /** As GGA tells it: 0 none, 1 GNSS, 2 differential, 6 estimated. */
  fix: number;
  satellites: number;
  hdop: number;
}

/** A receiver that stands near Munich with a fix of eight satellites, to be changed as a test goes on. */
export function createReceiver(): SimulatedReceiver {
  return {
    latitude: 48.1173,
    longitude: 11.5167,
    altitude: 545.4,
    speed: 3.5,
    course: 84.4,
    fix: 1,
    satellites: 8,
    hdop: 0.9,
  };
}

/** A sentence with its `$`, checksum and line end. */
export function sentenceOf(body: string): string {
  return `$${body}*${xorOf(body)}\r\n`;
}

/** RMC, VTG, GGA, GSA and GSV of one moment. */
export function epochOf(receiver: SimulatedReceiver, unixMs: number): string {
  const { speed, course, fix, satellites, hdop, altitude } = receiver;
  const [date, time] = dateAndTime(unixMs);
  const isFixed = fix !== 0;
  const position = isFixed
    ? [...degrees(receiver.latitude, 2, "NS"), ...degrees(receiver.longitude, 3, "EW")].join(",")
    : ",,,";
  const mode = isFixed ? (fix === 6 ? "E" : fix === 2 ? "D" : "A") : "N";
  const knots = isFixed ? ((speed * 3600) / 1852).toFixed(3) : "";
  const track = isFixed ? course.toFixed(2) : "";
  const used = Array.from({ length: 12 }, (_, i) => (i < satellites ? String(i + 1).padStart(2, "0") : ""));
  return [
    `GNRMC,${time},${isFixed ? "A" : "V"},${position},${knots},${track},${date},,,${mode}`,
    `GNVTG,${track},T,,M,${knots},N,${isFixed ? (speed * 3.6).toFixed(3) : ""},K,${mode}`,
    `GNGGA,${time},${position},${fix},${satellites},${hdop},${isFixed ? `${altitude.toFixed(1)},M,46.9,M` : ",,,"},,`,
    `GNGSA,A,${isFixed ? 3 : 1},${used.join(",")},1.8,${hdop},1.5`,
    `GPGSV,1,1,${String(satellites).padStart(2, "0")},01,40,083,46`,
  ]
    .map(sentenceOf)
    .join("");
}

function degrees(value: number, digits: number, [positive, negative]: string): [string, string] {
  const minutes = Math.abs(value) * 60;
  const whole = Math.floor(minutes / 60);
  const rest = (minutes - whole * 60).toFixed(5).padStart(8, "0");
  return [String(whole).padStart(digits, "0") + rest, (value < 0 ? negative : positive)!];
}

function dateAndTime(unixMs: number): [date: string, time: string] {
  const iso = new Date(unixMs).toISOString();
  const date = iso.slice(8, 10) + iso.slice(5, 7) + iso.slice(2, 4);
  return [date, iso.slice(11, 22).replaceAll(":", "")];
}
