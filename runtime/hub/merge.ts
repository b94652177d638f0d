import type { HubFrame } from "./frames.ts";

/**
 * Merges chains of one plugin and lane into the series' own order, by streaming: it holds one frame of each.
 *
 * Frames of one store are taken by row number. Row numbers of two stores say nothing about each other; there
 * the order in which the hub stored them decides, which is that of the outboxes' lives.
 */
export async function* mergeBySeries(chains: readonly AsyncIterable<HubFrame>[]): AsyncGenerator<HubFrame> {
  const iterators = chains.map((chain) => chain[Symbol.asyncIterator]());
  try {
    const heads = await Promise.all(iterators.map((iterator) => iterator.next()));
    for (;;) {
      let best = -1;
      let frame: HubFrame | undefined;
      heads.forEach((head, index) => {
        if (head.done || (frame && !isBefore(head.value, frame))) return;
        best = index;
        frame = head.value;
      });
      if (!frame) return;
      yield frame;
      heads[best] = await iterators[best]!.next();
    }
  } finally {
    await Promise.all(iterators.map((iterator) => iterator.return?.()));
  }
}

function isBefore(a: HubFrame, b: HubFrame): boolean {
  if (a.header.store !== b.header.store) return a.seq < b.seq;
  return a.header.first < b.header.first || (a.header.first === b.header.first && a.seq < b.seq);
}
