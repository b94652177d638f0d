/**
 * The frame of a bench: options, a directory of its own, an end that leaves nothing behind.
 *
 * What a bench makes (processes, connections, files) it hands to `defer` at once. All of it is undone in reverse
 * order when the bench ends, fails, or is interrupted by SIGINT or SIGTERM; then the exit status is 128 plus
 * the signal's number. What can't be undone within `graceMs` is left to the kernel.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { inspect, type ParseArgsOptionsConfig, parseArgs } from "node:util";
import { messageOf } from "../../runtime/errors.ts";
import { formatGoals, formatTable, type Report } from "./report.ts";

export interface BenchOptions {
  name: string;
  /** For `--help`: what is measured, and how. */
  about: string;
  /** More options by name, with a line of help each. */
  options?: Readonly<Record<string, { type: "boolean" | "string"; help: string }>>;
}

export interface Bench {
  /** Removed at the end. Below `--dir`, whose disk is the one that is measured. */
  readonly dir: string;
  readonly quick: boolean;
  readonly values: Readonly<Record<string, string | boolean | undefined>>;
  /** Aborts when the bench is interrupted. */
  readonly signal: AbortSignal;
  /** Undoes something at the end. */
  defer(undo: () => unknown): void;
  /** What it does just now, on stderr if that is a terminal. */
  progress(text: string): void;
}

const graceMs = 5000;
const common = {
  quick: { type: "boolean", help: "one short round of each: to see that it works, not how fast it is" },
  json: { type: "boolean", help: "the report once more as one line of JSON, last" },
  dir: {
    type: "string",
    help: "directory on the disk that is measured (default: the system's for temporary files)",
  },
  help: { type: "boolean", help: "this text" },
} as const;

/** Runs a bench from the command line to its report. Sets the exit status; goals that are missed do not change it. */
export async function runBench(
  options: BenchOptions,
  measure: (bench: Bench) => Promise<Report>,
): Promise<void> {
  const values = parse(options);
  if (!values) return;
  const interrupted = new AbortController();
  const undo: (() => unknown)[] = [];
  let ending: Promise<void> | undefined;
  const end = (): Promise<void> => {
    ending ??= undoAll(undo);
    return ending;
  };
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.once(name, () => {
      process.exitCode = 128 + constants.signals[name];
      setTimeout(() => process.exit(), graceMs).unref();
      interrupted.abort(new Error(`interrupted by ${name}`));
      void end().then(() => process.exit());
    });
  }
  process.once("uncaughtException", (error) => {
    process.stderr.write(`bench ${options.name}: ${inspect(error)}\n`);
    process.exitCode = 1;
    setTimeout(() => process.exit(), graceMs).unref();
    interrupted.abort(error);
    void end().then(() => process.exit());
  });
  const dir = await mkdtemp(
    join(typeof values.dir === "string" ? values.dir : tmpdir(), `umec-bench-${options.name}-`),
  );
  undo.push(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
  try {
    const report = await measure({
      dir,
      quick: values.quick === true,
      values,
      signal: interrupted.signal,
      defer: (what) => void undo.push(what),
      progress,
    });
    progress("");
    print(options.name, report, values.json === true);
  } catch (error) {
    if (!interrupted.signal.aborted) {
      progress("");
      process.stderr.write(`bench ${options.name}: ${messageOf(error)}\n`);
      process.exitCode = 1;
    }
  }
  await end();
}

function parse({ name, about, options = {} }: BenchOptions): Bench["values"] | undefined {
  const all = { ...options, ...common };
  const config: ParseArgsOptionsConfig = Object.fromEntries(
    Object.entries(all).map(([option, { type }]) => [option, { type }]),
  );
  try {
    const { values } = parseArgs({ options: config });
    if (!values.help) return values as Bench["values"];
    const lines = Object.entries(all).map(([option, { type, help }]) => {
      return `  ${`--${option}${type === "string" ? " VALUE" : ""}`.padEnd(18)}${help}\n`;
    });
    process.stdout.write(`node bench/${name}.ts [options]\n\n${about.trim()}\n\n${lines.join("")}`);
  } catch (error) {
    process.stderr.write(`bench ${name}: ${messageOf(error)}; see --help\n`);
    process.exitCode = 2;
  }
  return undefined;
}

async function undoAll(undo: (() => unknown)[]): Promise<void> {
  for (let next = undo.pop(); next; next = undo.pop()) {
    try {
      await next();
    } catch (error) {
      process.stderr.write(`cleaning up: ${messageOf(error)}\n`);
    }
  }
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

function print(name: string, { tables, goals, notes = [] }: Report, json: boolean): void {
  for (const { title, rows } of tables) process.stdout.write(`${title}\n${formatTable(rows)}\n`);
  process.stdout.write(formatGoals(goals));
  for (const note of notes) process.stdout.write(`${note}\n`);
  if (!json) return;
  const at = new Date().toISOString();
  process.stdout.write(
    `${JSON.stringify({ bench: name, at, node: process.version, tables, goals, notes })}\n`,
  );
}
