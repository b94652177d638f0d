/** A cut of the link, in milliseconds since the demo began to sample. */
export interface Cut {
  fromMs: number;
  toMs: number;
}

/** With an end: one outage in the middle, a quarter of the time long. */
const share = { from: 0.4, to: 0.65 };
/** Without one: an outage of 5 s, and again every 30 s. */
const endless = { firstMs: 8_000, lengthMs: 5_000, everyMs: 30_000 };

/** When the link is cut in a demo of `totalMs`, or in one that only ends when it is asked to. */
export function* cutsOf(totalMs: number | undefined): Generator<Cut> {
  if (totalMs !== undefined) {
    yield { fromMs: totalMs * share.from, toMs: totalMs * share.to };
    return;
  }
  for (let fromMs = endless.firstMs; ; fromMs += endless.everyMs)
    yield { fromMs, toMs: fromMs + endless.lengthMs };
}
