/**
 * Sentences of NMEA 0183 (IEC 61162-1 section 7.3): from `$` to the line's end, printable ASCII between. A `$` in the
 * midst begins anew, so does whatever comes after a byte that no sentence may have: receivers mix binary messages in.
 */
import type { CreateFramer } from "./framer.ts";

const dollar = 0x24;
const carriageReturn = 0x0d;
const lineFeed = 0x0a;

export function nmeaFramer({ maxFrameBytes }: { maxFrameBytes: number }): CreateFramer {
  return (events) => {
    const sentence = Buffer.alloc(maxFrameBytes);
    let length = 0;
    let atMs = 0;

    function giveUp(reason: string): void {
      length = 0;
      events.garbage(reason);
    }

    return {
      push(chunk, nowMs) {
        for (const byte of chunk) {
          if (byte === dollar) {
            if (length > 0) giveUp("a sentence that was cut short");
            atMs = nowMs;
          } else if (length === 0) {
            // Between sentences: line ends, sentences of other kinds (!AIVDM), binary messages.
            continue;
          } else if (byte === carriageReturn || byte === lineFeed) {
            events.frame({ bytes: Buffer.from(sentence.subarray(0, length)), atMs });
            length = 0;
            continue;
          } else if (byte < 0x20 || byte > 0x7e) {
            giveUp("a byte that no sentence has");
            continue;
          } else if (length === maxFrameBytes) {
            giveUp(`a sentence of more than ${maxFrameBytes} bytes`);
            continue;
          }
          sentence[length] = byte;
          length += 1;
        }
      },
    };
  };
}
