import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { startTestPeople } from "../test-people.ts";
import { createScratch } from "../test-scratch.ts";

const scratch = createScratch();
const program = fileURLToPath(new URL("umec.ts", import.meta.url));

/** As dropbear starts it: the command that was asked for is in a variable, and standard input is the person's. */
function session(sockets: string, level: string, command: string, person = `a-${level}`) {
  const args = [program, "session", "--person", person, "--level", level, "--sockets", sockets];
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", ...args], {
    env: {
      PATH: process.env.PATH,
      SSH_ORIGINAL_COMMAND: command,
      SSH_CONNECTION: "192.0.2.7 4242 192.0.2.1 22",
    },
  });
  const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]).then(
    ([stdout, stderr, [code]]) => ({ code: code as number | null, stdout, stderr }),
  );
  return { child, ended };
}

test("a viewer and an operator get what they may, and never a shell", async () => {
  await using node = await startTestPeople(await scratch());
  const { sockets, trail, state } = node;
  const say = (level: string, command: string) => session(sockets, level, command).ended;
  const status = await say("viewer", "umec status --json");
  assert.deepEqual([status.code, status.stdout], [0, '{"node":"n1"}\n'], status.stderr);
  const set = await say("operator", "set hall/lamp/level 5");
  assert.deepEqual([set.code, set.stdout], [0, '"ok"\n'], set.stderr);
  assert.equal(state.commands[0]!.by, "a-operator (operator)");
  const help = await say("viewer", "");
  assert.deepEqual([help.code, help.stdout], [0, "umec offers a viewer:\n  status [--json] [--watch]\n"]);
  for (const command of ["set hall/lamp/level 5", "sh", "status; sh", "umec target", "/bin/sh -c id"]) {
    const refused = await say("viewer", command);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /^umec: .*is not offered.*\nhint: there are: status/, command);
    assert.equal(refused.stdout, "");
  }
  assert.equal(state.commands.length, 1);
  assert.deepEqual((await trail()).slice(1), [
    "session a-viewer/viewer umec status --json: begin",
    "session a-viewer/viewer umec status --json: end",
    "session a-operator/operator set hall/lamp/level 5: begin",
    "command a-operator/operator hall/lamp/level = 5: asked",
    "command a-operator/operator hall/lamp/level = 5: done",
    "session a-operator/operator set hall/lamp/level 5: end",
    "session a-viewer/viewer shell: begin",
    "session a-viewer/viewer shell: end",
    "session a-viewer/viewer set hall/lamp/level 5: refused: set is not offered to a viewer",
    "session a-viewer/viewer sh: refused: sh is not offered to a viewer",
    "session a-viewer/viewer status; sh: refused: status; is not offered to a viewer",
    "session a-viewer/viewer umec target: refused: target is not offered to a viewer",
    "session a-viewer/viewer /bin/sh -c id: refused: /bin/sh is not offered to a viewer",
  ]);
});

test("a maintainer has a shell, in which umec finds the node, and its status is that of the session", async () => {
  await using node = await startTestPeople(await scratch());
  const umec = `'${process.execPath}' '${program}'`;
  const run = (command: string) => session(node.sockets, "maintainer", command).ended;
  const words = await run(`echo "$0" $((6 * 7)); ${umec} status --json; exit 9`);
  assert.deepEqual([words.code, words.stdout], [9, 'sh 42\n{"node":"n1"}\n'], words.stderr);
  assert.equal((await run("kill -TERM $$")).code, 128 + 15);
  const shell = session(node.sockets, "owner", "");
  shell.child.stdin.end("echo here; exit 3\n");
  const { code, stdout } = await shell.ended;
  assert.deepEqual([code, stdout], [3, "here\n"]);
  assert.deepEqual((await node.trail()).slice(-2), [
    "session a-owner/owner shell: begin",
    "session a-owner/owner shell: end",
  ]);
});

test("the session of who is taken out ends, with all that runs in it", async () => {
  await using node = await startTestPeople(await scratch());
  const { child, ended } = session(node.sockets, "maintainer", "echo begun; exec sleep 600");
  const watching = session(node.sockets, "viewer", "status --watch --json");
  await Promise.all([once(child.stdout, "data"), once(watching.child.stdout, "data")]);
  await node.people.setUsers([]);
  const said = /^umec: the session is over: this person may no longer log in\n/;
  const ends = await Promise.all([ended, watching.ended]);
  for (const { stderr } of ends) assert.match(stderr, said);
  assert.deepEqual(
    ends.map(({ code }) => code),
    [128 + 9, 1],
  );
  const again = await session(node.sockets, "maintainer", "echo in").ended;
  assert.deepEqual([again.code, again.stdout], [1, ""]);
  assert.match(again.stderr, /there is no maintainer "a-maintainer" on this node/);
});

test("a maintainer's session outlives the node, and is written down again when the node is back", async () => {
  const dir = await scratch();
  const first = await startTestPeople(dir);
  const { child, ended } = session(first.sockets, "maintainer", "echo begun; read -r line; echo $line");
  await once(child.stdout, "data");
  await first[Symbol.asyncDispose]();
  const later = await scratch();
  await using second = await startTestPeople(later, undefined, first.sockets);
  for (;;) {
    if ((await second.trail()).some((line) => line.endsWith(": begin"))) break;
    await new Promise(setImmediate);
  }
  child.stdin.end("still here\n");
  const { code, stdout, stderr } = await ended;
  assert.deepEqual([code, stdout, stderr], [0, "begun\nstill here\n", ""]);
});

test("without a node a maintainer can come in and mend it, and others can do nothing", async () => {
  const sockets = await scratch();
  const mend = await session(sockets, "maintainer", "echo in").ended;
  assert.deepEqual([mend.code, mend.stdout], [0, "in\n"]);
  assert.equal(mend.stderr, "umec: the node is not running: only the system's journal has this session\n");
  const viewer = await session(sockets, "viewer", "status").ended;
  assert.equal(viewer.code, 4);
  assert.match(viewer.stderr, /^umec: the node does not take the session: /);
});
