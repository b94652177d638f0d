import type { Sample } from "../../runtime/plugin/sdk.ts";
import type { FeedTotals } from "./feed.ts";

/** What a report says of the time since the one before: nothing when no stream ran. */
export function createReport(totals: Readonly<FeedTotals>): (changePercent?: number) => Sample[] {
  let last = { ...totals };
  return (changePercent) => {
    const frames = totals.frames + totals.lost - last.frames - last.lost;
    const seconds = (totals.streamedMs - last.streamedMs) / 1000;
    const usable = totals.frames - last.frames;
    last = { ...totals };
    if (frames === 0) return [];
    const samples: Sample[] = [{ name: "camera/dropped", value: totals.lost, unit: "count" }];
    if (seconds > 0)
      samples.unshift({ name: "camera/frame-rate", value: round(usable / seconds), unit: "1/s" });
    if (changePercent !== undefined) {
      samples.push({ name: "camera/change", value: round(changePercent), unit: "%" });
    }
    return samples;
  };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
