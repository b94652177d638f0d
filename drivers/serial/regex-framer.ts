import { messageOf } from "../../runtime/plugin/sdk.ts";
import type { CreateFramer } from "./framer.ts";
import { createPattern } from "./pattern.ts";

export interface RegexOptions {
  pattern: string;
  /** As many bytes are kept for a match. */
  maxFrameBytes: number;
}

/** Frames that are what a pattern finds in the stream; what is between them is passed over. */
export function regexFramer({ pattern: source, maxFrameBytes }: RegexOptions): CreateFramer {
  const pattern = createPattern(source);
  return (events) => {
    let kept = "";
    let keptAtMs = 0;

    /** Gives the text after the first frame in `text`, or nothing when there is none. */
    function cut(text: string, newAt: number, atMs: number): string | undefined {
      const match = pattern.match(text, atMs);
      // An empty match would be found for ever.
      if (!match || match.end === match.start) return undefined;
      const bytes = Buffer.from(text.slice(match.start, match.end), "latin1");
      events.frame({ bytes, groups: match.groups, atMs: match.start < newAt ? keptAtMs : atMs });
      return text.slice(match.end);
    }

    return {
      push(chunk, atMs) {
        let rest = kept + chunk.toString("latin1");
        let newAt = kept.length;
        try {
          for (let next = cut(rest, newAt, atMs); next !== undefined; next = cut(rest, newAt, atMs)) {
            newAt -= rest.length - next.length;
            rest = next;
          }
        } catch (error) {
          events.garbage(messageOf(error));
          rest = "";
        }
        kept = rest.slice(-maxFrameBytes);
        // When there was nothing left of the earlier bytes, the kept ones are of this chunk.
        if (newAt <= 0 || rest.length - newAt >= maxFrameBytes) keptAtMs = atMs;
      },
    };
  };
}
