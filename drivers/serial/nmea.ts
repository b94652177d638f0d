/**
 * A GNSS receiver on the line: from frames to readings and to the time.
 *
 * Several sentences tell the same: the position is in GGA, RMC and GLL. The best of those that the receiver sends
 * counts (`gnssPoints`), so that each epoch gives each point once; another counts when the best was not heard for
 * {@link preferMs}.
 */
import type { Frame } from "./framer.ts";
import { fixOf, gnssPoints, readingsOf } from "./nmea-readings.ts";
import { type Parse, readSentence, type Sentence, type SentenceId } from "./nmea-sentence.ts";
import { judgeTime } from "./nmea-time.ts";
import { defaults, type NmeaOptions } from "./options.ts";
import type { Reading } from "./reading.ts";

/** Longer than the slowest receivers' interval by far, and short when one stops to send a sentence. */
export const preferMs = 12_000;
/** ZDA says no word of the fix: another sentence must have, not longer ago. */
const fixHoldsMs = 5000;

export interface NmeaTime {
  unixMs: number;
  /** When it was so. */
  monotonicMs: number;
}

export interface NmeaFrame {
  /** The sentence's id, such as `RMC`; `undefined` for one that is of no use here. */
  id?: SentenceId;
  readings: Reading[];
  time?: NmeaTime;
  /** Why the sentence's time does not count. */
  timeRefused?: string;
}

/** Throws `SERIAL_FRAME` for a frame that is no sound sentence. */
export function createNmeaReader(parse: Parse, options: NmeaOptions = {}): (frame: Frame) => NmeaFrame {
  const { checksum, latencyMs, weekRollover } = { ...defaults.nmea, ...options };
  const heardMs = new Map<string, number>();
  const inView = new Map<string, { count: number; atMs: number }>();
  let fixedAtMs = Number.NEGATIVE_INFINITY;

  function isBest(name: string, id: SentenceId, atMs: number): boolean {
    const { from } = gnssPoints.find((point) => point.name === name)!;
    for (const better of from.slice(0, from.indexOf(id))) {
      if (atMs - (heardMs.get(`${name} ${better}`) ?? Number.NEGATIVE_INFINITY) < preferMs) return false;
    }
    heardMs.set(`${name} ${id}`, atMs);
    return true;
  }

  /** Each system tells its own number, in each of its sentences. */
  function satellitesInView({ talker, packet, has }: Sentence, atMs: number): Reading[] {
    if (packet.sentenceId !== "GSV" || !has(3) || packet.messageNumber !== packet.numberOfMessages) return [];
    inView.set(talker, { count: packet.satellitesInView, atMs });
    let sum = 0;
    for (const { count, atMs: since } of inView.values()) if (atMs - since < preferMs) sum += count;
    return [{ name: "satellites-in-view", value: sum, unit: "count" }];
  }

  function timeOf(sentence: Sentence, atMs: number): Pick<NmeaFrame, "time" | "timeRefused"> {
    const { packet, has, text } = sentence;
    let date: string;
    if (packet.sentenceId === "RMC") {
      if (fixOf(sentence)?.quality !== "good" || !has(1) || !has(9)) return {};
      date = text(9);
    } else if (packet.sentenceId === "ZDA") {
      if (atMs - fixedAtMs >= fixHoldsMs || !has(1) || !has(2) || !has(3) || !has(4)) return {};
      date = text(2) + text(3) + text(4);
    } else return {};
    const judged = judgeTime(date, text(1), weekRollover);
    if ("refused" in judged) return { timeRefused: judged.refused };
    return { time: { unixMs: judged.unixMs + latencyMs, monotonicMs: atMs } };
  }

  return ({ bytes, atMs }) => {
    const sentence = readSentence(bytes.toString("latin1"), parse, checksum);
    if (!sentence) return { readings: [] };
    if (fixOf(sentence)?.quality === "good") fixedAtMs = atMs;
    const id = sentence.packet.sentenceId;
    const readings = [...readingsOf(sentence), ...satellitesInView(sentence, atMs)];
    return {
      id,
      readings: readings.filter(({ name }) => isBest(name, id, atMs)),
      ...timeOf(sentence, atMs),
    };
  };
}
