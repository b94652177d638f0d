/** Where the demo's text goes: a part of the terminal that is redrawn in place, or a line each second. */
import { type Line, paint } from "./paint.ts";
import { captionOf, type Live, liveLine, liveScreen } from "./view.ts";

export interface Screen extends Disposable {
  /** A step of the set-up or the end. */
  step(text: string): void;
  /** Called a few times a second. */
  show(live: Live): void;
  /** Lines that stay. */
  print(lines: readonly Line[]): void;
}

const hideCursor = "\x1b[?25l";
const showCursor = "\x1b[?25h";

/** Rows that the picture and what stands above it take. */
const leastRows = 16;

export function openScreen(stream: NodeJS.WriteStream): Screen {
  const canRedraw = stream.isTTY && stream.rows >= leastRows && process.env.TERM !== "dumb";
  return canRedraw ? new Terminal(stream, stream.getColorDepth() > 1) : new Lines(stream);
}

class Terminal implements Screen {
  readonly #stream: NodeJS.WriteStream;
  readonly #color: boolean;
  readonly #restore = () => void this.#stream.write(showCursor);
  /** Lines of the last picture, which the next one replaces. */
  #height = 0;

  constructor(stream: NodeJS.WriteStream, color: boolean) {
    this.#stream = stream;
    this.#color = color;
    stream.write(hideCursor);
    process.once("exit", this.#restore);
  }

  step(text: string): void {
    this.#write([[["dim", `  ${text}`]]], false);
  }

  show(live: Live): void {
    this.#write([[], ...liveScreen(live)], true);
  }

  print(lines: readonly Line[]): void {
    this.#write(lines, false);
  }

  [Symbol.dispose](): void {
    process.off("exit", this.#restore);
    this.#restore();
  }

  #write(lines: readonly Line[], replaced: boolean): void {
    // A column is left free: a full one would wrap in some terminals.
    const painted = paint(lines, { color: this.#color, width: (this.#stream.columns ?? 80) - 1 });
    const up = this.#height > 0 && replaced ? `\x1b[${this.#height}A\r\x1b[J` : "";
    this.#stream.write(`${up}${painted.map((line) => `${line}\x1b[K\n`).join("")}`);
    this.#height = replaced ? lines.length : 0;
  }
}

class Lines implements Screen {
  readonly #stream: NodeJS.WriteStream;
  #nextMs = 0;
  #act: Live["act"] | undefined;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  step(text: string): void {
    this.#stream.write(`${text}\n`);
  }

  show(live: Live): void {
    if (live.act !== this.#act) {
      this.#act = live.act;
      this.step(captionOf(live.act));
    }
    if (live.elapsedMs < this.#nextMs) return;
    this.#nextMs = Math.floor(live.elapsedMs / 1000 + 1) * 1000;
    this.print([liveLine(live)]);
  }

  print(lines: readonly Line[]): void {
    for (const line of paint(lines, { color: false })) this.#stream.write(`${line}\n`);
  }

  [Symbol.dispose](): void {}
}
