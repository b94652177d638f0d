/**
 * What a sentence says, as readings, and how far it can be believed.
 *
 * The quality is of two fields: the status (A valid, V not) and, since NMEA 2.3, the mode (N none, E estimated or dead
 * reckoning, M manual, S simulator; all others are a fix). GGA has both in one number. Without a fix the position is
 * `bad`, without a value, also when the receiver repeats its last one. A field that is empty although there is a fix,
 * such as the course of a receiver that stands still, gives no reading.
 */
import type { Quality } from "../../runtime/plugin/sdk.ts";
import type { Sentence, SentenceId } from "./nmea-sentence.ts";
import type { Reading } from "./reading.ts";

export interface Fix {
  quality: Quality;
  reason?: string;
}

export const noFix: Fix = { quality: "bad", reason: "no fix" };
const fixed: Fix = { quality: "good" };
const estimated: Fix = { quality: "uncertain", reason: "dead reckoning" };
const manual: Fix = { quality: "uncertain", reason: "position set by hand" };
const simulated: Fix = { quality: "uncertain", reason: "simulation" };
const byMode: Readonly<Record<string, Fix>> = { N: noFix, E: estimated, M: manual, S: simulated };
const fixTypes = [
  "none",
  "gnss",
  "differential",
  "pps",
  "rtk",
  "float-rtk",
  "estimated",
  "manual",
  "simulation",
];
const byFixType: Readonly<Record<string, Fix>> = { 0: noFix, 6: estimated, 7: manual, 8: simulated };

const metresPerSecondPerKnot = 1852 / 3600;

/** The points of a receiver: their units, and which sentences tell them, the best first. */
export const gnssPoints: readonly {
  name: string;
  summary: string;
  unit?: string;
  from: readonly SentenceId[];
}[] = [
  { name: "latitude", unit: "lat", summary: "WGS 84, north is positive", from: ["GGA", "RMC", "GLL"] },
  { name: "longitude", unit: "lon", summary: "WGS 84, east is positive", from: ["GGA", "RMC", "GLL"] },
  { name: "altitude", unit: "m", summary: "Above mean sea level", from: ["GGA"] },
  { name: "speed", unit: "m/s", summary: "Over ground", from: ["RMC", "VTG"] },
  { name: "course", unit: "deg", summary: "Over ground, from true north", from: ["RMC", "VTG"] },
  { name: "satellites", unit: "count", summary: "Used for the fix", from: ["GGA"] },
  { name: "satellites-in-view", unit: "count", summary: "Of all systems", from: ["GSV"] },
  { name: "fix", summary: fixTypes.join(", "), from: ["GGA"] },
  { name: "fix-mode", summary: "none, 2D or 3D", from: ["GSA"] },
  { name: "pdop", summary: "Dilution of precision of the position", from: ["GSA"] },
  { name: "hdop", summary: "Of the horizontal position", from: ["GGA", "GSA"] },
  { name: "vdop", summary: "Of the altitude", from: ["GSA"] },
];
const units = new Map(gnssPoints.map(({ name, unit }) => [name, unit]));

/** Whether the sentence tells of a fix; `undefined` when it tells nothing of it. */
export function fixOf({ packet, text }: Sentence): Fix | undefined {
  switch (packet.sentenceId) {
    case "RMC":
      return text(2) === "A" ? (byMode[text(12)] ?? fixed) : noFix;
    case "GLL":
      return text(6) === "A" ? (byMode[text(7)] ?? fixed) : noFix;
    case "GGA":
      return text(6) === "" ? noFix : (byFixType[text(6)] ?? fixed);
    case "GSA":
      return text(2) === "1" || text(2) === "" ? noFix : fixed;
    case "VTG":
      return text(9) === "" ? undefined : (byMode[text(9)] ?? fixed);
    default:
      return undefined;
  }
}

/** The readings of a sentence; those of GSV need their other sentences (`satellites-in-view.ts`). */
export function readingsOf(sentence: Sentence): Reading[] {
  const { packet, has } = sentence;
  const fix = fixOf(sentence) ?? fixed;
  /** A value that needs a fix. */
  const measured = (name: string, value: number, given: boolean): Reading[] => {
    if (fix.quality === "bad") return [reading(name, null, fix)];
    return given ? [reading(name, value, fix)] : [];
  };
  const ratio = (name: string, value: number, given: boolean): Reading[] =>
    given && fix.quality !== "bad" ? [reading(name, value)] : [];
  switch (packet.sentenceId) {
    case "RMC":
      return [
        ...measured("latitude", rounded(packet.latitude, 8), has(3)),
        ...measured("longitude", rounded(packet.longitude, 8), has(5)),
        ...measured("speed", rounded(packet.speedKnots * metresPerSecondPerKnot, 3), has(7)),
        ...measured("course", packet.trackTrue, has(8)),
      ];
    case "GLL":
      return [
        ...measured("latitude", rounded(packet.latitude, 8), has(1)),
        ...measured("longitude", rounded(packet.longitude, 8), has(3)),
      ];
    case "GGA":
      return [
        ...measured("latitude", rounded(packet.latitude, 8), has(2)),
        ...measured("longitude", rounded(packet.longitude, 8), has(4)),
        ...measured("altitude", packet.altitudeMeters, has(9)),
        // What nmea-simple calls "in view" is "in use" (IEC 61162-1 section 8.3.36).
        ...(has(7) ? [reading("satellites", packet.satellitesInView)] : []),
        ...ratio("hdop", packet.horizontalDilution, has(8)),
        reading("fix", fixTypes[Number(sentence.text(6))] ?? "none"),
      ];
    case "GSA":
      return [
        reading("fix-mode", fix.quality === "bad" ? "none" : packet.fixMode),
        ...ratio("pdop", packet.PDOP, has(15)),
        ...ratio("hdop", packet.HDOP, has(16)),
        ...ratio("vdop", packet.VDOP, has(17)),
      ];
    case "VTG":
      return [
        ...measured("course", packet.trackTrue, has(1)),
        ...(has(7)
          ? measured("speed", rounded(Number(packet.speedKmph) / 3.6, 3), true)
          : measured("speed", rounded(packet.speedKnots * metresPerSecondPerKnot, 3), has(5))),
      ];
    default:
      return [];
  }
}

function reading(name: string, value: Reading["value"], { quality, reason }: Fix = fixed): Reading {
  const unit = units.get(name);
  return {
    name,
    value,
    ...(unit === undefined ? {} : { unit }),
    ...(quality === "good" ? {} : { quality }),
    ...(reason === undefined ? {} : { reason }),
  };
}

/** Without the noise of the conversion: 1e-8 degrees are a millimetre. No number becomes -0. */
function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits)) + 0;
}
