import { type Progress, showProgress } from "./progress.ts";
import { formatDuration } from "./units.ts";

/** The usual bar, with megabytes a second and the time that is left behind it. */
export function showRate(to: { isTTY?: boolean; write(text: string): unknown }, label: string): Progress {
  let startMs: number | undefined;
  let note = "";
  const bar = showProgress(
    {
      isTTY: to.isTTY === true,
      write: (text) => to.write(text.endsWith("%") ? `${text}${note}\x1b[K` : text),
    },
    label,
  );
  return {
    update(done, all) {
      startMs ??= performance.now();
      note = rate(done, all, performance.now() - startMs);
      bar.update(done, all);
    },
    [Symbol.dispose]: () => bar[Symbol.dispose](),
  };
}

function rate(done: number, all: number, tookMs: number): string {
  if (done === 0 || tookMs < 500) return "";
  const perMs = done / tookMs;
  return `  ${(perMs / 1000).toFixed(1)} MB/s, ${formatDuration((all - done) / perMs)} left`;
}
