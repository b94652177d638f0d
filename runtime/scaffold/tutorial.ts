/** docs/write-a-driver.md as a program: files that it shows in full, and commands that it tells to run. */
import { execFile } from "node:child_process";
import { cp, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

export type Step = { kind: "file"; path: string; text: string } | { kind: "run"; on: string; script: string };

const run = promisify(execFile);

/** A block under a line with nothing but a file's name in backticks is that file; one of `sh` is run. */
export function stepsOf(page: string): Step[] {
  const block = /(?:^`([^`\n]+)`:\n\n)?^(`{3,})(\w+)(?: (\w+))?\n((?:.*\n)*?)\2$/gm;
  return [...page.matchAll(block)].flatMap(([, path, , language, on = "here", text = ""]): Step[] => {
    if (path !== undefined) return [{ kind: "file", path, text }];
    return language === "sh" ? [{ kind: "run", on, script: text }] : [];
  });
}

/**
 * A copy of the clone at `root`, as git would give it. Its packages are linked, which is quick; to make a bundle they
 * must be copied, as a bundle says where each of its files comes from.
 */
export async function copyClone(root: string, to: string, packages: "link" | "copy"): Promise<void> {
  const { stdout } = await run("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    maxBuffer: 16 * 2 ** 20,
  });
  for (const path of stdout.split("\0").filter((name) => name !== "")) {
    await mkdir(dirname(join(to, path)), { recursive: true });
    // A file that was deleted and not committed yet.
    await cp(join(root, path), join(to, path)).catch((error: { code?: string }) => {
      if (error.code !== "ENOENT") throw error;
    });
  }
  if (packages === "link") await symlink(join(root, "node_modules"), join(to, "node_modules"));
  else await run("cp", ["-a", "--reflink=auto", join(root, "node_modules"), to]);
}

/** Does one step in the copy, `more` in its commands' environment; rejects with what a command printed when it fails. */
export async function follow(step: Step, clone: string, more: NodeJS.ProcessEnv = {}): Promise<void> {
  if (step.kind === "file") {
    await mkdir(dirname(join(clone, step.path)), { recursive: true });
    await writeFile(join(clone, step.path), step.text);
    return;
  }
  // `umec` of the copy, not the one of the clone that its packages belong to.
  const functions = `umec() { node runtime/cli/umec.ts "$@"; }\n`;
  const env = {
    ...process.env,
    ...more,
    PATH: `${join(clone, "node_modules/.bin")}:${process.env.PATH}`,
    NODE_OPTIONS: "--disable-warning=ExperimentalWarning",
    // Else a test runner in a test runner runs nothing.
    NODE_TEST_CONTEXT: undefined,
  };
  try {
    await run("sh", ["-euc", functions + step.script], { cwd: clone, env, maxBuffer: 16 * 2 ** 20 });
  } catch (cause) {
    const { stdout = "", stderr = "" } = cause as { stdout?: string; stderr?: string };
    throw new Error(`failed: ${step.script}\n${stdout}\n${stderr}`, { cause });
  }
}

/** @returns the text of the tutorial */
export function readTutorial(root: string): Promise<string> {
  return readFile(join(root, "docs/write-a-driver.md"), "utf8");
}
