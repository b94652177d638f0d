import { randomBytes } from "node:crypto";
import { isUmecError, UmecError } from "../../runtime/errors.ts";
import type { Console, ExpectOptions } from "./console.ts";

export interface ShellResult {
  /** What the command printed, both streams, `\n` at line ends, trimmed at its end. */
  output: string;
  status: number;
}

const probeMs = 3000;
/** What the image's debug shell says first, and any other guest that wants to be typed at. */
export const greeting = "umec: debug shell";
/** What the image says on the console some time after its start, in the middle of anything. */
const announcement = "umec: the booted slot is good\n";

/** The first number is the level from which on messages go to the console (Linux's sysctl/kernel.rst). */
const printk = "/proc/sys/kernel/printk";

/**
 * Runs a command in the root shell on the console and waits for its end; for diagnosis: a test that shows what users
 * get must not depend on it. While it runs the kernel keeps all but emergencies off the console, so that they do not
 * stand in the output; `dmesg` has them.
 *
 * The shell gets the command between two `echo`s of a random word. The word is split by quotes where it is typed, so
 * that the terminal's echo of it is no match. Until the shell is there, what is typed may be lost (systemd empties the
 * terminal's buffer when it starts the shell), so the question whether it listens is put again every 3 s.
 *
 * @throws UmecError `CONSOLE_TIMEOUT` when there is no shell, or the command does not end in time
 */
export async function runInShell(
  on: Console,
  command: string,
  { timeoutMs = 60_000, signal }: ExpectOptions = {},
): Promise<ShellResult> {
  const untilMs = performance.now() + timeoutMs;
  const leftMs = () => Math.max(1, untilMs - performance.now());
  const rest = () => ({ timeoutMs: leftMs(), ...(signal && { signal }) });
  const word = `mec${randomBytes(6).toString("hex")}`;
  await listen(on, word, rest);
  const begin = `read -r mec_level mec_rest <${printk}; echo 1 >${printk}; echo ${split(`${word}begin`)}`;
  const finish = `mec_status=$?; echo "$mec_level" >${printk}; echo ${split(`${word}end`)}:$mec_status`;
  on.write(`${begin}; { ${command}\n}; ${finish}\n`);
  await on.expect(new RegExp(`${word}begin\\r?\\n`), rest());
  const end = await on.expect(new RegExp(`([\\s\\S]*?)${word}end:(\\d+)\\r?\\n`), rest());
  const output = (end[1] ?? "").replaceAll("\r", "").replace(announcement, "").trimEnd();
  return { output, status: Number(end[2]) };
}

async function listen(
  on: Console,
  word: string,
  rest: () => { timeoutMs: number; signal?: AbortSignal },
): Promise<void> {
  await on.printed(greeting, rest());
  for (let probe = 1; ; probe++) {
    on.write(`\necho ${split(`${word}probe${probe}`)}.\n`);
    const { timeoutMs, ...signal } = rest();
    try {
      await on.expect(`${word}probe${probe}.`, { timeoutMs: Math.min(probeMs, timeoutMs), ...signal });
      return;
    } catch (error) {
      if (!isUmecError(error, "CONSOLE_TIMEOUT")) throw error;
      if (timeoutMs > probeMs) continue;
      throw new UmecError("CONSOLE_TIMEOUT", `no shell answers on the console; ${error.message}`, {
        cause: error,
        hint: `boot the board with debugShell: true; the whole log is ${on.path}`,
      });
    }
  }
}

/** The same for a shell, another text for the eye. */
function split(word: string): string {
  return `${word.slice(0, 2)}""${word.slice(2)}`;
}
