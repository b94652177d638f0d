/** Programs of the tool root, and the image's own scripts. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { root } from "../bundle/paths.ts";
import { UmecError } from "../runtime/errors.ts";

export interface ToolOptions {
  /** @default the current folder */
  cwd?: string;
  /** Folders that the program must see besides the clone, the cache, /tmp and `cwd`. @default none */
  bind?: readonly string[];
  /** Variables besides this process's own. @default none */
  env?: Readonly<Record<string, string>>;
  /** Ends the program. */
  signal?: AbortSignal;
  /** After this time the program is killed. @default never */
  timeoutMs?: number;
  /** Where the program's messages go; they are in the error in any case. @default nowhere */
  onMessage?: (text: string) => void;
}

/** The command that runs a program of the tool root (see image/tools/run). */
export const toolRun = join(root, "image/tools/run");

/** Runs a program of the tool root to its end and returns what it printed. Throws `IMAGE_TOOL_FAILED`. */
export function inToolRoot(command: readonly string[], options: ToolOptions = {}): Promise<string> {
  return run(toolRun, command, options);
}

/** Runs a script of this tree (named relative to it) and returns the path that it prints. Throws `IMAGE_TOOL_FAILED`. */
export async function pathFrom(
  script: string,
  args: readonly string[],
  options: ToolOptions = {},
): Promise<string> {
  const path = (await run(join(root, script), args, options)).trim();
  if (path === "") throw new UmecError("IMAGE_TOOL_FAILED", `${script} printed no path`);
  return path;
}

async function run(program: string, args: readonly string[], options: ToolOptions): Promise<string> {
  const { cwd, bind = [], env = {}, signal, timeoutMs = 0, onMessage } = options;
  const child = promisify(execFile)(program, args, {
    maxBuffer: 64 << 20,
    env: { ...process.env, UMEC_TOOLS_BIND: bind.join(":"), ...env },
    timeout: timeoutMs,
    ...(cwd !== undefined && { cwd }),
    ...(signal && { signal }),
  });
  child.child.stdin?.end();
  if (onMessage) child.child.stderr?.setEncoding("utf8").on("data", onMessage);
  try {
    return (await child).stdout;
  } catch (cause) {
    const {
      stderr = "",
      code,
      signal: killedBy,
    } = cause as { stderr?: string; code?: unknown; signal?: string };
    const why = stderr.trim().split("\n").slice(-10).join("\n  ") || `ended with ${killedBy ?? String(code)}`;
    throw new UmecError("IMAGE_TOOL_FAILED", `${[program, ...args].join(" ")}\n  ${why}`, { cause });
  }
}
