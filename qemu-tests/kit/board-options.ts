import { readFile } from "node:fs/promises";
import type { DeviceAttachment, MachineName } from "./devices/types.ts";
import type { Disk } from "./disk.ts";
import { parseEnvText } from "./env-text.ts";
import type { FlashOptions, NodeConfig } from "./flash.ts";
import type { Machine } from "./machines/machine.ts";
import type { Network } from "./network.ts";

/** A hub that the board shall link to; `Hub` is one. */
export interface HubSide {
  /** Where it listens for nodes; asked for each connection. */
  leaf(): { host: string; port: number };
  /** The path of a node's credentials file. */
  credentialsFile(node: string): string;
}

export interface BoardOptions {
  machine: MachineName;
  /** @default the newest of this machine in `dist/` */
  image?: string;
  /** The node's name; with `hub` and `target` it becomes `umec.json`. @default the card is not commissioned */
  node?: string;
  /** The hub that the node links to, through the board's network. */
  hub?: HubSide;
  /** With which the node enrols, instead of credentials of the hub's making; `Hub.token` makes one. */
  token?: string;
  /** Keys of `node.yaml`: plugins, outbox, log, clock. @default the clock is trusted, for QEMU's is right */
  target?: Readonly<Record<string, unknown>>;
  /** More for `umec.json`. @default none */
  config?: Partial<NodeConfig>;
  /** What hangs on the board's buses and pins. @default nothing */
  devices?: readonly DeviceAttachment[];
  /** A security chip, on virt alone. @default false */
  tpm?: boolean;
  /** Gives a root shell on the console, for `board.sh()`. For diagnosis. @default false */
  debugShell?: boolean;
  /** The guest's memory outlives a reset, as on a real board, and so does what the kernel keeps there. @default false */
  keepsMemory?: boolean;
  /** @default 512 on virt, 1024 on the others */
  memoryMiB?: number;
  /** The card's size. @default the image's; where it is an SD card the next power of two */
  cardBytes?: number;
  /** What a power cut takes from the card follows from it. @default 1 */
  seed?: number;
  /** `umec`: flashed by `umec flash`, as users do it. @default "copy" */
  flash?: FlashOptions["how"];
  /** Another boot loader than the machine's usual one; needed for U-Boot on raspi3b. */
  firmware?: string;
  /** Takes the board down. */
  signal?: AbortSignal;
}

/**
 * QEMU's real-time clock has this machine's time, and the user network has no time server: a node that waits for one
 * would store samples and never send them.
 */
const clock = { clock: { trust: "always" } };

/** What `umec.json` says; `undefined` when the card shall not be touched. */
export async function configOf(options: BoardOptions, network: Network): Promise<NodeConfig | undefined> {
  const { node, hub, token, target, config } = options;
  if (node === undefined) return undefined;
  const result: NodeConfig = { node, target: { ...clock, ...target }, ...config };
  if (hub) {
    const { host, port } = await network.open(() => hub.leaf());
    result.hub = {
      urls: [`nats-leaf://${host}:${port}`],
      ...(token === undefined
        ? { credentials: await readFile(hub.credentialsFile(node), "utf8") }
        : { token }),
      ...config?.hub,
    };
  }
  return result;
}

/** The card's size in bytes. */
export function cardBytes(machine: Machine, imageBytes: number, wanted?: number): number {
  const bytes = Math.max(wanted ?? imageBytes, imageBytes);
  return machine.powerOfTwo ? 2 ** Math.ceil(Math.log2(bytes)) : bytes;
}

/** The word on the kernel's command line for which the image has a root shell on its console. */
const debugShellArgument = "umec.debug-shell";

/** Puts it into `board.env` on the boot partition, which every boot loader reads. */
export async function debugShellInto(disk: Disk): Promise<void> {
  const variables = parseEnvText((await disk.readFile("boot", "board.env")).toString("latin1"));
  variables.set("board_args", `${variables.get("board_args") ?? ""} ${debugShellArgument}`.trim());
  const text = [...variables].map(([name, value]) => `${name}=${value}\n`).join("");
  await disk.writeFile("boot", "board.env", text);
}
