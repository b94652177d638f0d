/** What the demo shows while it runs, as text; what is said in the end is in sum-view.ts. */
import type { NodeStatus } from "../status.ts";
import type { Line, Piece } from "./paint.ts";
import { count, latency, measured, seconds, spark } from "./words.ts";

export interface Live {
  /** Since the node began to sample. */
  elapsedMs: number;
  /** `undefined`: until Ctrl-C. */
  totalMs: number | undefined;
  plugins: readonly ShownPlugin[];
  link: NodeStatus["link"]["state"];
  /** For how long `link` has been so. */
  linkMs: number;
  /** Samples on the node's disk that the hub does not have yet. */
  waiting: number;
  /** The same, of each look, the newest last. */
  waitingHistory: readonly number[];
  /** Samples at the hub. */
  stored: number;
  storedPerS: number;
  /** Of the latest samples, from emit to hub. */
  latencyMs: number | undefined;
  act: Act;
  /** Time to the next act, where it is known. */
  nextActMs: number | undefined;
}

/** `cut`: the network is down. `returning`: it is up again, the link not yet. `draining`: it is, and rows wait. */
export type Act = "calm" | "cut" | "returning" | "draining" | "ending";

export interface ShownPlugin {
  name: string;
  driver: string;
  state: string;
  perS: number;
  values: readonly { name: string; value: number | string | boolean; unit: string; digits: number }[];
}

const sparkWidth = 48;
/** What is on its way to the hub at any moment is no more than a thin line. */
const sparkFull = 200;

/** The screen of a terminal. */
export function liveScreen(live: Live): Line[] {
  const time = live.totalMs === undefined ? "Ctrl-C ends it" : `of ${seconds(live.totalMs)}`;
  return [
    [
      ["bold", "µMEC demo"],
      ["dim", "   devices → node → hub, all on this machine   "],
      `${seconds(live.elapsedMs)} `,
      ["dim", time],
    ],
    [],
    ...live.plugins.map(pluginLine),
    [],
    row("link", linkPiece(live.link), `for ${seconds(live.linkMs)}`),
    row(
      "waiting",
      [live.waiting > 0 ? "yellow" : "none", count(live.waiting).padEnd(10)] as Piece,
      "samples on the node's disk  ",
      ["yellow", spark(live.waitingHistory, sparkWidth, sparkFull)],
    ),
    row(
      "stored",
      count(live.stored).padEnd(10),
      `samples at the hub, ${count(live.storedPerS)}/s`,
      live.latencyMs === undefined ? "" : `, ${latency(live.latencyMs)} after they were taken`,
    ),
    [],
    ["  ", captionOf(live.act), ["dim", nextText(live)]],
  ];
}

/** What happens now, in a sentence. */
export function captionOf(act: Act): string {
  return captions[act];
}

const captions: Record<Act, string> = {
  calm: "All is well.",
  cut: "The link to the hub is cut. The node goes on: samples wait on its disk.",
  returning: "The network is back. The node finds its way to the hub.",
  draining: "The link is back. Fresh samples go at once, and what waited beside them.",
  ending: "The devices fall silent, and the last samples go to the hub.",
};

function nextText({ act, nextActMs }: Live): string {
  if (nextActMs === undefined) return "";
  if (act === "calm") return ` The link is cut in ${seconds(nextActMs)}.`;
  return act === "cut" ? ` It is mended in ${seconds(nextActMs)}.` : "";
}

/** One line of a log. */
export function liveLine(live: Live): Line {
  const perS = live.plugins.reduce((sum, plugin) => sum + plugin.perS, 0);
  const values = live.plugins.flatMap((plugin) => plugin.values.slice(0, 1).map(valueText));
  return [
    `${seconds(live.elapsedMs).padStart(5)}  link `,
    linkPiece(live.link, 8),
    `${count(perS).padStart(4)} samples/s  `,
    `waiting ${count(live.waiting).padEnd(6)} `,
    `at the hub ${count(live.stored).padEnd(7)} `,
    ["dim", ` ${values.join("  ")}`],
  ];
}

function pluginLine({ name, driver, state, perS, values }: ShownPlugin): Line {
  const rate = state === "running" ? `${count(perS).padStart(4)}/s   ` : `${state}   `;
  return [
    "  ",
    ["bold", name.padEnd(11)],
    ["dim", driver.padEnd(8)],
    rate.padEnd(10),
    ["cyan", values.map((value) => valueText(value).padEnd(22)).join("")],
  ];
}

function valueText({ name, value, unit, digits }: ShownPlugin["values"][number]): string {
  return `${name} ${measured(value, unit, digits)}`;
}

function row(label: string, ...pieces: readonly Piece[]): Line {
  return ["  ", ["dim", label.padEnd(9)], ...pieces];
}

function linkPiece(state: Live["link"], width = 10): Piece {
  return [state === "up" ? "green" : "red", state.padEnd(width)];
}
