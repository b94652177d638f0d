/** What the options say about the bytes on the line: how frames are told apart, and what a frame says. */
import { bytesOf } from "./byte-text.ts";
import { delimiterFramer } from "./delimiter-framer.ts";
import { createFieldsReader } from "./fields.ts";
import type { CreateFramer, Frame } from "./framer.ts";
import { lengthFramer } from "./length-framer.ts";
import { createNmeaReader, type NmeaTime } from "./nmea.ts";
import { nmeaFramer } from "./nmea-framer.ts";
import { loadParse } from "./nmea-sentence.ts";
import { defaults, type SerialOptions } from "./options.ts";
import type { Reading } from "./reading.ts";
import { regexFramer } from "./regex-framer.ts";

export interface Decoded {
  /** Frames with the same key are held apart by `minIntervalMs`. */
  key: string;
  readings: Reading[];
  /** What could not be read. */
  faults: string[];
  time?: NmeaTime;
  timeRefused?: string;
}

export interface Decoder {
  createFramer: CreateFramer;
  /** Throws `SERIAL_FRAME` for a frame that can't be read at all. */
  read(frame: Frame): Decoded;
}

const nmeaFrameBytes = 256;

export async function createDecoder(options: SerialOptions): Promise<Decoder> {
  if (options.framing === "nmea") {
    const reader = createNmeaReader(await loadParse(), options.nmea);
    return {
      createFramer: nmeaFramer({ maxFrameBytes: options.maxFrameBytes ?? nmeaFrameBytes }),
      read(frame) {
        const { id = "", ...rest } = reader(frame);
        return { key: id, faults: [], ...rest };
      },
    };
  }
  const { fields = {}, framing, pattern, separator, onError = defaults.onError } = options;
  const reader = createFieldsReader({
    fields,
    separator,
    pattern: framing === "regex" ? undefined : pattern,
  });
  return {
    createFramer: framerOf(options),
    read(frame) {
      const { readings, failed } = reader(frame);
      if (onError === "emit") {
        for (const { name, unit, reason } of failed) {
          readings.push({
            name,
            value: null,
            quality: "bad",
            reason,
            ...(unit === undefined ? {} : { unit }),
          });
        }
      }
      return { key: "", readings, faults: failed.map(({ name, reason }) => `${name}: ${reason}`) };
    },
  };
}

function framerOf(options: SerialOptions): CreateFramer {
  const { gapMs = defaults.gapMs, maxFrameBytes = defaults.maxFrameBytes } = options;
  if (options.framing === "length") {
    const { lengthBytes = 1, start, checksum } = options;
    return lengthFramer({ lengthBytes, start: start ? bytesOf(start) : Buffer.alloc(0), checksum, gapMs });
  }
  if (options.framing === "regex") return regexFramer({ pattern: options.pattern!, maxFrameBytes });
  return delimiterFramer({ delimiter: bytesOf(options.delimiter ?? "\n"), maxFrameBytes, gapMs });
}
