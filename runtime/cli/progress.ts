/** A bar on a terminal, drawn over itself at most every 100 ms; nothing where there is no terminal. */
export interface Progress extends Disposable {
  update(done: number, all: number): void;
}

const width = 30;
const drawEveryMs = 100;

export function showProgress(to: { isTTY?: boolean; write(text: string): unknown }, label: string): Progress {
  let drawnMs = Number.NEGATIVE_INFINITY;
  let drawn = false;
  return {
    update(done, all) {
      if (!to.isTTY || performance.now() - drawnMs < drawEveryMs) return;
      drawnMs = performance.now();
      drawn = true;
      const part = all > 0 ? Math.min(1, done / all) : 1;
      const bar = "#".repeat(Math.round(part * width)).padEnd(width, "-");
      to.write(`\r${label} [${bar}] ${Math.floor(part * 100)} %`);
    },
    [Symbol.dispose]() {
      if (drawn) to.write("\r\x1b[K");
    },
  };
}
