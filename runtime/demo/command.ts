/**
 * `umec demo`: a whole system on this machine, an outage, and the proof that nothing was lost in it.
 *
 * Ctrl-C (also SIGTERM, or the terminal that goes away) ends the play, not the proof: the sum is printed, then
 * all is taken down. During the set-up there is nothing to prove yet, and a second Ctrl-C leaves no time for it.
 */
import { Command, InvalidArgumentError, Option } from "commander";
import type { Context } from "../cli/context.ts";
import { play } from "./play.ts";
import { startScene } from "./scene.ts";
import { openScreen } from "./screen.ts";
import { sumTable } from "./sum-view.ts";
import type { Sum } from "./tally.ts";

interface DemoOptions {
  seconds?: number;
  json?: true;
}

/** Where nobody can press Ctrl-C. */
const defaultSeconds = 20;

export function demoCommand(context: Context): Command {
  return new Command("umec demo")
    .summary("show a whole system on this machine")
    .description(
      "Starts a hub, a node, and simulated devices (two on Modbus TCP, one with a REST API) as real servers on " +
        "free ports of this machine; shows what flows; cuts the link between node and hub for a while; and tells " +
        "in the end what became of every sample. Nothing is left behind. The exit status is 1 when a sample was " +
        "lost, stored twice or out of order.",
    )
    .addOption(
      new Option("--seconds <n>", "end after this time (default: in a terminal Ctrl-C ends it, elsewhere 20)")
        .env("DEMO_SECONDS")
        .argParser(secondsArgument),
    )
    .option("--json", "the sum as one line of JSON, and all else on standard error")
    .helpOption("-h, --help", "show this")
    .addHelpText(
      "after",
      "\nExamples:\n" +
        "  umec demo                          # until Ctrl-C\n" +
        "  umec demo --seconds 60\n" +
        "  umec demo --json | jq .latencyMs",
    )
    .configureOutput({
      outputError: (text, write) => write(text.replace(/^error: /, "umec: ")),
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text),
    })
    .action(async (options: DemoOptions) => {
      const { ok } = await runDemo(options, context);
      context.exitCode = ok ? 0 : 1;
    });
}

async function runDemo(options: DemoOptions, context: Context): Promise<Sum> {
  const { stdout, stderr } = context;
  // A run that is interrupted still has to drain and to count: see the bounds in play.ts.
  context.graceMs = 60_000;
  using hangup = listenForHangup();
  const over = AbortSignal.any([context.signal, hangup.signal]);
  using screen = openScreen(options.json ? stderr : stdout);
  await using scene = await startScene(over, (step) => screen.step(step));
  const { failed } = scene;
  const totalMs = lengthMs(options, stdout, process.env);
  const sum = await Promise.race([
    play(scene, { totalMs, over, onLive: (live) => screen.show(live) }),
    failed,
  ]);
  screen.print([[], ...sumTable(sum)]);
  if (options.json) stdout.write(`${JSON.stringify(sum)}\n`);
  return sum;
}

/** The length of the play in milliseconds; `undefined` for one that Ctrl-C ends. */
function lengthMs(
  { seconds, json }: DemoOptions,
  { isTTY }: NodeJS.WriteStream,
  { CI = "" }: NodeJS.ProcessEnv,
): number | undefined {
  if (seconds !== undefined) return seconds * 1000;
  const inCi = !["", "0", "false"].includes(CI);
  return isTTY && !json && !inCi ? undefined : defaultSeconds * 1000;
}

function secondsArgument(text: string): number {
  const seconds = Number(text);
  if (!(seconds >= 4 && seconds <= 86_400)) {
    throw new InvalidArgumentError("Write a number of seconds from 4 to 86400.");
  }
  return seconds;
}

interface Hangup extends Disposable {
  signal: AbortSignal;
}

/** A terminal that is closed takes nobody along: what it started would run on for ever. */
function listenForHangup(): Hangup {
  const controller = new AbortController();
  const abort = () => controller.abort(new DOMException("the terminal is gone", "AbortError"));
  process.once("SIGHUP", abort);
  return { signal: controller.signal, [Symbol.dispose]: () => void process.off("SIGHUP", abort) };
}
