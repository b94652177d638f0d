/** The scripts of the gate, run by this machine's shell in a folder that stands for a node's root. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { createScratch } from "../../runtime/test-scratch.ts";
import { readEvidence } from "../../runtime/update/gate/evidence.ts";
import { explain } from "../../runtime/update/gate/explain.ts";
import { formatHealth } from "../../runtime/update/gate/health-file.ts";
import { type BootState, encodeBootState, readBootState } from "../boot-state.ts";

const scratch = createScratch();
const system = join(import.meta.dirname, "overlay/usr/lib/umec/system");
const uboot = new URL("../uboot-env.ts", import.meta.url);

/** What is not to be had here: the environment's tools work on the real file, the others say that they were called. */
const tools: Record<string, string> = {
  fw_printenv: `exec "$NODE" --disable-warning=ExperimentalWarning -e '
    import("${uboot}").then(async ({ decodeEnvironment }) => {
      const { readFileSync } = await import("node:fs");
      const variables = decodeEnvironment(readFileSync(process.env.R + "/boot/slots.env"));
      if (!variables) process.exit(1);
      for (const [name, value] of variables) console.log(name + "=" + value);
    })'`,
  fw_setenv: `exec "$NODE" --disable-warning=ExperimentalWarning -e '
    import("${uboot}").then(async ({ decodeEnvironment, encodeEnvironment }) => {
      const { readFileSync, writeFileSync } = await import("node:fs");
      const path = process.env.R + "/boot/slots.env";
      const variables = decodeEnvironment(readFileSync(path)) ?? new Map();
      for (const line of readFileSync(0, "utf8").trim().split("\\n")) variables.set(...line.split("="));
      writeFileSync(path, encodeEnvironment(variables));
    })'`,
  systemctl: `echo "$*" >>"$R/asked"
    case "$*" in
      *is-active*umec.service) exit "\${UMEC_DOWN:-0}" ;;
      *show*) printf 'ActiveState=active\\nResult=success\\nNRestarts=0\\n' ;;
      "start umec-mark-good.service") "$UMEC_SYSTEM/mark-good" ;;
    esac`,
  journalctl: `echo "the journal of \${1#--boot=}"`,
  setpriv: `while [ "\${1#--}" != "$1" ]; do shift; done; exec "$@"`,
  chgrp: "exit 0",
  sleep: `echo "slept $1" >>"$R/asked"; [ ! -f "$R/late-health" ] || mv "$R/late-health" "$R/run/umec-control/health.json"`,
};

const content = { old: "0123456789abcdef", new: "fedcba9876543210" };

async function node(booted: "A" | "B", what: string, boot: Omit<BootState, "order"> & { order: string }) {
  const R = await scratch();
  const put = async (path: string, text: string | Uint8Array) => {
    await mkdir(dirname(join(R, path)), { recursive: true });
    await writeFile(join(R, path), text);
  };
  const bin = await scratch();
  for (const [name, script] of Object.entries(tools)) {
    await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`);
    await chmod(join(bin, name), 0o755);
  }
  await put("etc/fw_env.config", "");
  await put("dev/console", "");
  await put("run/umec-gate/.keep", "");
  await put("data/umec/node.yaml", "node: lamp\n");
  await put("sys/class/watchdog/watchdog0/bootstatus", "0\n");
  await put("boot/slots.env", encodeBootState({ ...boot, order: boot.order.split(" ") }));
  const start = async (slot: string, holds: string, id: string) => {
    await put(
      "proc/cmdline",
      `rauc.slot=${slot} umec.version=1.4.0 umec.slot=${holds} dm-mod.create="a b"\n`,
    );
    await put("proc/sys/kernel/random/boot_id", `${id}\n`);
    await put("proc/uptime", "20.34 11.2\n");
    await rm(join(R, "run/umec-gate"), { recursive: true });
    await mkdir(join(R, "run/umec-gate"));
  };
  await start(booted, what, "boot-1");
  return {
    put,
    start,
    run: (script: string, env: Record<string, string> = {}) =>
      promisify(execFile)("/bin/sh", [join(system, script)], {
        env: {
          ...env,
          ...{ R, UMEC_SYSTEM: system, NODE: process.execPath, PATH: `${bin}:${process.env.PATH}` },
        },
      }),
    text: (path: string) => readFile(join(R, path), "utf8").catch(() => ""),
    state: async () => (await readFile(join(R, "run/umec-gate/state"), "utf8")).trim(),
    boot: async () => {
      const env = await readFile(join(R, "boot/slots.env"));
      const { state } = readBootState({ env, bak: undefined });
      return { ...state, order: state.order.join(" ") };
    },
    evidence: () => readEvidence(join(R, "data/update/fell-back")),
    list: (path: string) => readdir(join(R, path)).catch(() => []),
  };
}

const trial = { order: "B A", left: { A: 0x40, B: 2 }, good: { A: content.old } };

test("on a new card neither slot is good: no trial, and µMEC's being up is enough", async () => {
  const it = await node("A", content.old, { order: "A B", left: { A: 2, B: 3 } });
  await it.run("gate");
  assert.equal(await it.state(), "alone");
  await assert.rejects(it.run("mark-good", { UMEC_DOWN: "1" }));
  await it.run("mark-good");
  assert.equal(await it.state(), "marked");
  assert.deepEqual(await it.boot(), {
    order: "A B",
    left: { A: 0x40, B: 3 },
    good: { A: content.old },
  });
  assert.equal(await it.text("dev/console"), "umec: the booted slot is good\n");
});

test("a slot that is good gets its tries back without a word of the hub", async () => {
  const it = await node("A", content.old, {
    order: "A B",
    left: { A: 5, B: 3 },
    good: { A: content.old, B: "x" },
  });
  await it.run("gate");
  assert.equal(await it.state(), "good");
  await it.run("mark-good");
  assert.equal((await it.boot()).left.A, 0x40);
});

test("a deadline that µMEC says only after its slot was marked good is kept for the next system", async () => {
  const it = await node("A", content.old, { order: "A B", left: { A: 2, B: 3 } });
  await it.run("gate");
  await it.put("run/umec-control/.keep", "");
  const health = { ok: false, sinceS: 1, version: "1.4.0", deadlineS: 120, failed: [], waitingFor: ["hub"] };
  await it.put("late-health", formatHealth(health));
  await it.run("mark-good");
  assert.equal(await it.text("data/update/deadline"), "120\n");
});

test("a slot on trial is good only when µMEC has said so, 15 s ago or more", async () => {
  const it = await node("B", content.new, trial);
  await it.run("gate");
  assert.equal(await it.state(), "trial");
  assert.match(await it.text("asked"), /start umec-trial-health.path umec-deadline.service/);
  await assert.rejects(it.run("mark-good"));
  const health = { version: "1.4.0", deadlineS: 120, failed: [] };
  await it.put(
    "run/umec-control/health.json",
    formatHealth({ ...health, ok: false, sinceS: 1, waitingFor: ["hub"] }),
  );
  await assert.rejects(it.run("mark-good"));
  const well = { ...health, ok: true, waitingFor: [] };
  await it.put("run/umec-control/health.json", formatHealth({ ...well, sinceS: 6 }));
  await assert.rejects(it.run("mark-good"));
  assert.deepEqual((await it.boot()).good, { A: content.old });
  await it.put("run/umec-control/health.json", formatHealth({ ...well, sinceS: 5 }));
  await it.run("mark-good");
  assert.deepEqual((await it.boot()).good, { A: content.old, B: content.new });
  assert.deepEqual(await it.list("data/update"), ["deadline"]);
  await it.start("B", content.new, "boot-2");
  await it.run("gate");
  assert.equal(await it.state(), "good");
});

test("another content in a slot that was good is on trial again", async () => {
  const it = await node("B", content.new, { ...trial, good: { A: content.old, B: content.old } });
  await it.run("gate");
  assert.equal(await it.state(), "trial");
});

test("where the other slot is not good, or can't be started, there is nothing to fall back to", async () => {
  for (const boot of [
    { ...trial, good: {} },
    { ...trial, left: { A: 0, B: 2 } },
    { ...trial, order: "B" },
  ]) {
    const it = await node("B", content.new, boot);
    await it.run("gate");
    assert.equal(await it.state(), "alone");
  }
});

test("a slot that is not good in time is given up, and the next start finds out why, once", async () => {
  const it = await node("B", content.new, trial);
  await it.run("gate");
  const health = { ok: false, sinceS: 14, deadlineS: 120, version: "1.4.0", failed: [] };
  const text = formatHealth({ ...health, waitingFor: ["plugin rs485"] });
  await it.put("run/umec-control/health.json", text);
  await it.run("trial-health");
  assert.equal(await it.text("data/update/trial/health.json"), text);
  assert.match(await it.text("asked"), /restart umec-deadline.service/);
  await it.run("deadline");
  assert.match(
    await it.text("asked"),
    /slept 100\nstart umec-mark-good.service\n[\s\S]*--no-block reboot\n$/,
  );
  assert.equal(await it.state(), "failed");
  assert.equal((await it.boot()).left.B, 0);
  assert.equal((await it.boot()).order, "B A");

  await it.start("A", content.old, "boot-2");
  await it.run("gate");
  assert.equal(await it.state(), "good");
  const [evidence, ...others] = await it.evidence();
  assert.equal(others.length, 0);
  assert.equal(evidence && explain(evidence), "plugin rs485 did not sample in 120 s");
  assert.equal(evidence?.version, "1.4.0");
  assert.deepEqual(evidence?.journal, ["the journal of boot1"]);
  assert.equal((await it.boot()).order, "A B");
  assert.deepEqual(await it.list("data/update/trial"), []);
  await it.start("A", content.old, "boot-3");
  await it.run("gate");
  assert.equal((await it.evidence()).length, 1);
});

test("the deadline that the good system knew counts for a new one that says nothing", async () => {
  const it = await node("A", content.old, { order: "A B", left: { A: 9, B: 3 }, good: { A: content.old } });
  const well = { ok: true, sinceS: 1, deadlineS: 60, version: "1.3.2", failed: [], waitingFor: [] };
  await it.put("run/umec-control/health.json", formatHealth(well));
  await it.run("gate");
  await it.run("mark-good");
  await it.put("boot/slots.env", encodeBootState({ ...trial, order: ["B", "A"] }));
  await it.start("B", content.new, "boot-2");
  await it.run("gate");
  await it.put("run/umec-control/health.json", "");
  await it.run("trial-health");
  await it.run("deadline");
  assert.match(await it.text("asked"), /slept 40\n/);
  assert.equal(await it.state(), "failed");
});

test("a slot that becomes good in the last moment is kept", async () => {
  const it = await node("B", content.new, trial);
  await it.run("gate");
  const well = { ok: true, sinceS: 1, deadlineS: 60, version: "1.4.0", failed: [], waitingFor: [] };
  await it.put("run/umec-control/health.json", formatHealth(well));
  await it.run("deadline");
  assert.equal(await it.state(), "marked");
  assert.doesNotMatch(await it.text("asked"), /reboot/);
});

test("a slot that never came up leaves what the kernel and the watchdog know", async () => {
  const it = await node("A", content.old, { ...trial, left: { A: 0x3f, B: 0 } });
  await it.put("sys/fs/pstore/dmesg-ramoops-0", "<0>[ 2.2] Kernel panic - not syncing: no init\n");
  await it.put("sys/class/watchdog/watchdog0/bootstatus", "32\n");
  await it.run("gate");
  const [evidence] = await it.evidence();
  assert.equal(evidence?.boots, 0);
  assert.equal(evidence && explain(evidence), "the kernel panicked: no init");
  assert.equal(evidence?.watchdog, true);
  assert.equal((await it.boot()).left.A, 0x3f, "the crash was the other slot's");
});

test("four fall-backs are kept, and their numbers go on", async () => {
  const it = await node("A", content.old, { ...trial, left: { A: 0x3f, B: 0 } });
  for (let i = 0; i < 6; i++) {
    await it.put("boot/slots.env", encodeBootState({ ...trial, order: ["B", "A"], left: { A: 9, B: 0 } }));
    await it.run("gate");
  }
  assert.deepEqual(
    (await it.evidence()).map(({ number }) => number),
    [6, 5, 4, 3],
  );
});

test("a good slot that crashes has few tries left soon; one that lost its power keeps them", async () => {
  const it = await node("A", content.old, {
    order: "A B",
    left: { A: 0x3f, B: 3 },
    good: { A: content.old },
  });
  await it.run("gate");
  assert.equal((await it.boot()).left.A, 0x3f);
  await it.put("sys/fs/pstore/dmesg-ramoops-0", "<0>[ 2.2] Kernel panic\n");
  await it.run("gate");
  assert.equal((await it.boot()).left.A, 0x3f - 20);
  for (let i = 0; i < 4; i++) await it.run("gate");
  assert.equal((await it.boot()).left.A, 0);
});

test("what is no number, and an environment that is torn, stop nobody", async () => {
  const it = await node("B", content.new, trial);
  await it.put("boot/slots.env", Buffer.alloc(0x4000, "x"));
  await it.run("gate");
  assert.equal(await it.state(), "alone");
  assert.deepEqual(await it.evidence(), [], "nobody says that another slot should run");
  await it.run("mark-good");
  assert.deepEqual((await it.boot()).good, { B: content.new });
});
