/**
 * The twin of the controller, in memory: chips at chip selects, for tests and for trying things without hardware.
 *
 *     const bus = createSimulatedBus();
 *     bus.attach(0, (sent) => [0x01, 0x90, 0x00, 0x00]);
 *     const driver = createDriver({ openPort: bus.openPort });
 */
import { nodeOf, openError, settingError, transferError } from "./errors.ts";
import type { OpenPort, PortSettings } from "./hardware.ts";

/** What comes back while bytes are sent; what it gives too few are 0xFF, as on a line with a pull-up. */
export type SimulatedChip = (sent: Buffer) => Iterable<number>;

export interface SimulatedTransfer {
  chipSelect: number;
  sent: readonly number[];
}

export interface SimulatedBus {
  /** Puts a chip at a chip select, which has a device file from then on. */
  attach(chipSelect: number, chip: SimulatedChip): void;
  /** Takes chip and device file away. */
  detach(chipSelect: number): void;
  /**
   * Called before each transfer; an errno as in `ETIMEDOUT` that it gives is what the transfer ends with, and what it
   * waits for is how long that takes.
   */
  script(
    next: ((transfer: SimulatedTransfer) => undefined | string | Promise<undefined | string>) | undefined,
  ): void;
  /** Whether the controller takes settings. @default it takes all */
  accepts(test: (settings: PortSettings) => boolean): void;
  readonly openPort: OpenPort;
  readonly transfers: readonly SimulatedTransfer[];
  /** Settings of each port that was opened, in order. */
  readonly opened: readonly ({ chipSelect: number } & PortSettings)[];
  /** Ports that are open. */
  readonly open: number;
  /** Most transfers that were under way at once. */
  readonly mostAtOnce: number;
}

export function createSimulatedBus(): SimulatedBus {
  const chips = new Map<number, SimulatedChip>();
  const transfers: SimulatedTransfer[] = [];
  const opened: ({ chipSelect: number } & PortSettings)[] = [];
  let script: Parameters<SimulatedBus["script"]>[0];
  let accepts = (_: PortSettings): boolean => true;
  let open = 0;
  let atOnce = 0;
  let mostAtOnce = 0;

  return {
    attach: (chipSelect, chip) => void chips.set(chipSelect, chip),
    detach: (chipSelect) => void chips.delete(chipSelect),
    script(next) {
      script = next;
    },
    accepts(test) {
      accepts = test;
    },
    transfers,
    opened,
    get open() {
      return open;
    },
    get mostAtOnce() {
      return mostAtOnce;
    },
    async openPort(place, settings) {
      const { chipSelect } = place;
      if (!chips.has(chipSelect)) throw openError(failure("ENOENT", nodeOf(place)), place);
      if (!accepts(settings)) throw settingError(failure("EINVAL"), place, settings);
      opened.push({ chipSelect, ...settings });
      open += 1;
      return {
        async transfer(bytes) {
          const about = { chipSelect, sent: [...bytes] };
          transfers.push(about);
          atOnce += 1;
          mostAtOnce = Math.max(mostAtOnce, atOnce);
          try {
            const chip = chips.get(chipSelect);
            const errno = (await script?.(about)) ?? (chip ? undefined : "ESHUTDOWN");
            if (errno !== undefined) throw transferError(failure(errno), bytes.length);
            const answer = Buffer.alloc(bytes.length, 0xff);
            answer.set([...chip!(Buffer.from(bytes))].slice(0, bytes.length));
            return answer;
          } finally {
            atOnce -= 1;
          }
        },
        async close() {
          open -= 1;
        },
      };
    },
  };
}

function failure(errno: string, path = ""): Error {
  return Object.assign(new Error(`${errno} ${path}`.trim()), { code: errno });
}
