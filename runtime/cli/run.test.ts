import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { type RunningProgram, scratch, startUmec, umec } from "./test-program.ts";

/** Until the node answers on its socket. Asking takes a process each time, which is pause enough. */
async function running(node: RunningProgram, file: string): Promise<void> {
  let ended = false;
  void node.ended.then(() => {
    ended = true;
  });
  while (!ended) {
    const { code, stdout } = await umec(["status", "--json", file]);
    if (code === 0 && JSON.parse(stdout).target.state === "reached") return;
  }
  const { code, stderr } = await node.ended;
  assert.fail(`umec ended with ${code}: ${stderr}`);
}

test("a node runs until SIGTERM and ends with status 0", async () => {
  await using dir = await scratch();
  const file = join(dir.path, "node.yaml");
  await writeFile(file, "node: n1\n");
  await using node = startUmec(["run", file, "--log-format", "json", "--log-level", "debug"]);
  await running(node, file);
  node.process.kill("SIGTERM");
  const { code, stdout, stderr } = await node.ended;
  assert.deepEqual([code, stdout], [0, ""], stderr);
  for (const line of stderr.trimEnd().split("\n")) assert.equal(typeof JSON.parse(line).msg, "string", line);
  assert.equal((await umec(["status", file])).code, 4);
});

test("a change that needs a new process ends it with status 75", async () => {
  await using dir = await scratch();
  const file = join(dir.path, "node.yaml");
  await writeFile(file, "node: n1\n");
  await using node = startUmec(["run", file]);
  await running(node, file);
  await writeFile(file, "node: n2\n");
  const { code, stderr } = await node.ended;
  assert.equal(code, 75, stderr);
});

test("a file with errors starts nothing: the findings, a hint, and status 3", async () => {
  await using dir = await scratch();
  await writeFile(join(dir.path, "node.yaml"), "node: N1\n");
  const { code, stderr } = await umec(["run"], { cwd: dir.path });
  assert.equal(code, 3);
  assert.match(
    stderr,
    /^node\.yaml:1:7: node: N1: .*\n(.*\n)?umec: node\.yaml has 1 error: the node is not started\nhint: /,
  );
});

test("a nats-server that is named but missing is said with what to do", async () => {
  await using dir = await scratch();
  const file = join(dir.path, "node.yaml");
  await writeFile(file, "node: n1\n");
  const { code, stderr } = await umec(["run", file], { env: { UMEC_NATS_SERVER: "/nowhere/nats-server" } });
  assert.equal(code, 1);
  assert.match(stderr, /^umec: UMEC_NATS_SERVER names \/nowhere\/nats-server.*\nhint: run `make setup`/);
});
