/** GPIO lines in memory, for tests: what a kernel does with lines, without one. */
import { busyError } from "./errors.ts";
import type { Chip, GpioPort, HeldLines, LineInfo, LineRequest } from "./port.ts";

export interface MemoryChip {
  name: string;
  label: string;
  /** Each by its name, or empty; who is held by somebody says so. */
  lines: readonly (string | { name: string; consumer: string })[];
}

export interface MemoryGpio {
  readonly port: GpioPort;
  /**
   * Sets the level of a pin from outside, as `gpiochip0:3`. An input that is watched tells its edge, with as many as
   * `lost` before it gone missing.
   */
  drive(line: string, high: boolean, options?: { atMs?: number; lost?: number }): void;
  /** The level at the pin; `undefined` when nobody ever drove it. */
  level(line: string): boolean | undefined;
  /** All levels that an output had, the first one included. */
  history(line: string): readonly boolean[];
  /** Whether somebody holds the line through this port. */
  held(line: string): boolean;
  /** What lines were requested with. */
  readonly requests: readonly LineRequest[];
  /** Holds an output at its pin, as a short circuit does. */
  stick(line: string, high: boolean): void;
}

export function createMemoryGpio(layout: readonly MemoryChip[]): MemoryGpio {
  const levels = new Map<string, boolean>();
  const stuck = new Map<string, boolean>();
  const histories = new Map<string, boolean[]>();
  const holders = new Map<string, LineRequest>();
  const requests: LineRequest[] = [];
  const nowMs = (): number => performance.now();
  const chips: Chip[] = layout.map(({ name, label, lines }) => ({ name, label, lines: lines.length }));

  function infos(name: string): LineInfo[] {
    const lines = layout.find((chip) => chip.name === name)?.lines ?? [];
    return lines.map((line, offset) => {
      const request = holders.get(`${name}:${offset}`);
      const { name: called, consumer } = typeof line === "string" ? { name: line, consumer: "" } : line;
      const holder = request ? "umec" : consumer;
      return {
        name: called,
        consumer: holder,
        used: holder !== "",
        output: request?.config.direction === "out",
      };
    });
  }

  function put(line: string, high: boolean): void {
    levels.set(line, stuck.get(line) ?? high);
    histories.set(line, [...(histories.get(line) ?? []), high]);
  }

  return {
    requests,
    port: {
      nowMs,
      chips: async () => ({ chips, refused: [] }),
      lines: async ({ name }) => infos(name),
      async request(request): Promise<HeldLines> {
        const { chip, offsets, config, values = [] } = request;
        const keys = offsets.map((offset) => `${chip.name}:${offset}`);
        for (const [index, offset] of offsets.entries()) {
          const info = infos(chip.name)[offset]!;
          if (info.used) throw busyError(keys[index]!, info.consumer);
        }
        requests.push(request);
        for (const [index, key] of keys.entries()) {
          holders.set(key, request);
          if (config.direction === "out") put(key, (values[index] ?? false) !== config.activeLow);
          else if (config.bias === "pull-up" && !levels.has(key)) levels.set(key, true);
        }
        return {
          read: () => keys.map((key) => (levels.get(key) ?? false) !== config.activeLow),
          write: (offset, value) => put(`${chip.name}:${offset}`, value !== config.activeLow),
          close() {
            for (const key of keys) if (holders.get(key) === request) holders.delete(key);
          },
        };
      },
    },
    drive(line, high, { atMs = nowMs(), lost = 0 } = {}) {
      const before = levels.get(line) ?? false;
      levels.set(line, high);
      const request = holders.get(line);
      if (!request?.onEdges || (before === high && lost === 0)) return;
      const { edge, activeLow } = request.config;
      const rising = high !== activeLow;
      if (edge !== "both" && edge !== (rising ? "rising" : "falling")) return;
      request.onEdges([{ offset: Number(line.slice(line.lastIndexOf(":") + 1)), rising, atMs, lost }]);
    },
    level: (line) => levels.get(line),
    history: (line) => histories.get(line) ?? [],
    held: (line) => holders.has(line),
    stick(line, high) {
      stuck.set(line, high);
      levels.set(line, high);
    },
  };
}
