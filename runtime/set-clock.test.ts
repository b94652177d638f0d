import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";

const run = promisify(execFile);
const module = JSON.stringify(new URL("./set-clock.ts", import.meta.url).pathname);
const asNobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];

/** Runs a script as nobody, with more of setpriv's options. */
async function script(text: string, ...options: string[]): Promise<string> {
  const node = [process.execPath, "--disable-warning=ExperimentalWarning", "--input-type=module", "--eval"];
  const { stdout } = await run("setpriv", [...asNobody, ...options, ...node, text]);
  return stdout.trim();
}

const possible = await script(
  "console.log(process.getuid())",
  "--inh-caps=+sys_time",
  "--ambient-caps=+sys_time",
).then(
  (uid) => (uid === "65534" ? false : "this is not nobody"),
  () => "it takes root and setpriv to become nobody",
);

test("without the capability the clock stays, and the kernel's reason is told", {
  skip: possible,
}, async () => {
  const set = `const { setSystemClock } = await import(${module}); console.log(await setSystemClock(1e12));`;
  assert.equal(await script(set), "EPERM");
});

test("with it, programs that are started do not have it", { skip: possible }, async () => {
  const show = `
    import { execFileSync } from "node:child_process";
    import { readFileSync } from "node:fs";
    const { keepClockToOurselves } = await import(${module});
    const effective = (text) => Number.parseInt(/CapEff:\\s*(\\S+)/.exec(text)[1], 16);
    const child = () => effective(execFileSync("cat", ["/proc/self/status"], { encoding: "utf8" }));
    const before = child();
    await keepClockToOurselves();
    console.log(before, child(), effective(readFileSync("/proc/self/status", "utf8")));`;
  const sysTime = 1 << 25;
  const said = await script(show, "--inh-caps=+sys_time", "--ambient-caps=+sys_time");
  assert.equal(said, `${sysTime} 0 ${sysTime}`);
});

test("a program that takes this process's place has it again", { skip: possible }, async () => {
  const replace = `
    const { handClockOn, keepClockToOurselves } = await import(${module});
    await keepClockToOurselves();
    HAND_ON
    process.execve("/bin/sh", ["sh", "-c", "grep CapEff /proc/self/status"], { PATH: "/usr/bin:/bin" });`;
  const capable = ["--inh-caps=+sys_time", "--ambient-caps=+sys_time"];
  assert.match(await script(replace.replace("HAND_ON", ""), ...capable), /CapEff:\s*0000000000000000$/);
  const handing = replace.replace("HAND_ON", "await handClockOn();");
  assert.match(await script(handing, ...capable), /CapEff:\s*0000000002000000$/);
  // And has no more than there was.
  assert.match(await script(handing), /CapEff:\s*0000000000000000$/);
});
