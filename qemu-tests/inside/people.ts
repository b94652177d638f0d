import assert from "node:assert/strict";
import { once } from "node:events";
import { gpioLines } from "../kit/devices/gpio/attachment.ts";
import { guestNames } from "../kit/devices/guest-names.ts";
import type { MachineName } from "../kit/devices/types.ts";
import { makeKey, SshClient } from "../kit/ssh.ts";
import { type BoardStory, node } from "../shared-board.ts";

/** Restarts the board, and ends with ssh off. */
export async function people(machine: MachineName, dir: string): Promise<BoardStory> {
  const [anna, bob, carl, dora] = await Promise.all(
    ["anna", "bob", "carl", "dora"].map((name) => makeKey(dir, name)),
  );
  const users = {
    anna: { level: "viewer", ssh: [anna!.line] },
    bob: { level: "operator", ssh: [bob!.line] },
    carl: { level: "maintainer", ssh: [carl!.line] },
  };
  const outputs = { siren: { line: `${guestNames[machine].gpioChip}:6`, initial: false } };
  return {
    name: "people log in with what their level gives them, and all that they do is told to the hub",
    plugins: { io: { driver: "gpio", options: { outputs } } },
    devices: [gpioLines({ lines: { siren: 6 } })],
    target: { users },
    // The card's own keys are those of a person called owner.
    ssh: [dora!.line],
    reboots: 1,
    async tell({ board, hub }) {
      const ssh = new SshClient(await board.network.forward(22));
      const audit = (name: string, fits: (said: Record<string, string>) => boolean) =>
        hub.sample({
          node,
          plugin: "audit",
          lane: "alarm",
          name,
          where: ({ value }) => fits(JSON.parse(String(value))),
          timeoutMs: 120_000,
        });

      // A viewer sees, and does nothing else.
      const status = await ssh.opened("viewer", anna!, "umec status --json", 300_000);
      assert.equal(status.code, 0, status.stderr);
      const { pid } = JSON.parse(status.stdout);
      assert.equal(JSON.parse(status.stdout).node, node);
      const help = await ssh.run("viewer", anna!, "");
      assert.deepEqual([help.code, help.stdout], [0, "umec offers a viewer:\n  status [--json] [--watch]\n"]);
      for (const command of ["umec set io/siren true", "sh"]) {
        const { code, stdout, stderr } = await ssh.run("viewer", anna!, command);
        assert.equal(code, 1);
        assert.equal(stdout, "");
        assert.match(stderr, /is not offered to a viewer\nhint: there are: status/);
      }
      const forwarded = await ssh.run("viewer", anna!, "", { args: ["-W", "127.0.0.1:22"] });
      assert.equal(forwarded.code, 255, "no way into the node's own network");
      const terminal = await ssh.run("viewer", anna!, "", { args: ["-tt"] });
      assert.match(terminal.stderr, /PTY allocation request failed/);
      await audit("session", ({ person, result }) => person === "anna" && /refused: sh is not/.test(result!));

      // Nobody is root, and a key opens its own level alone.
      for (const [user, key] of [
        ["root", dora!],
        ["owner", anna!],
        ["umec", dora!],
      ] as const) {
        const { code, stderr } = await ssh.run(user, key, "id");
        assert.equal(code, 255, user);
        assert.match(stderr, /Permission denied/, user);
      }

      // An operator sets.
      const set = await ssh.run("operator", bob!, "set io/siren true --json");
      assert.equal(set.code, 0, set.stderr);
      assert.equal(await board.gpio("siren").level(), 1);
      const done = await audit("command", ({ result }) => result === "done");
      assert.deepEqual(JSON.parse(String(done.value)), {
        person: "bob",
        level: "operator",
        what: "io/siren = true",
        result: "done",
      });

      // A maintainer has a shell that is not root's.
      const shell = await ssh.run(
        "maintainer",
        carl!,
        "id -u; journalctl -q -n 1 -u umec | wc -l; ls /data/umec || echo shut; umec set io/siren false; umec reboot",
      );
      assert.deepEqual(shell.stdout.split("\n"), ["932", "1", "shut", "false", ""], shell.stderr);
      assert.equal(shell.code, 1);
      assert.match(
        shell.stderr,
        /carl is a maintainer, and may not do this\nhint: it takes a person of the level owner/,
      );
      const text = (await ssh.run("maintainer", carl!, "umec target")).stdout;
      const without = text.replace(/^ {2}bob:\n(?: {4}.*\n)*/m, "").replace(/^ {2}carl:\n(?: {4}.*\n)*/m, "");
      assert.ok(without.length < text.length - 100, text);
      const refused = await ssh.run("maintainer", carl!, "umec target --set -", { input: without });
      assert.match(refused.stderr, /carl is a maintainer, and may not do this/);

      // Who is taken out is out: the session ends, and there is no other. The node goes on.
      const staying = ssh.start("maintainer", carl!, "echo in; exec sleep 3600");
      await once(staying.child.stdout!, "data");
      const taken = await ssh.run("owner", dora!, "umec target --set -", { input: without });
      assert.equal(taken.code, 0, taken.stderr);
      assert.notEqual((await staying.ended).code, 0);
      await audit("users", ({ what }) => what === "-bob, -carl");
      await audit("session", ({ person, result }) => person === "carl" && /no longer log in/.test(result!));
      // The node has heard it; root, too, when the key does not open any more.
      for (let attempt = 1; ; attempt++) {
        const { code, stderr } = await ssh.run("maintainer", carl!, "id");
        assert.notEqual(code, 0);
        if (code === 255 && /Permission denied/.test(stderr)) break;
        assert.ok(attempt < 30, stderr);
      }
      const after = await ssh.run("viewer", anna!, "status --json");
      assert.equal(JSON.parse(after.stdout).pid, pid);

      // An owner restarts the system, and comes in again.
      const storedFromMs = Date.now();
      const rebooted = once(board, "reboot");
      // It may be gone before it has answered.
      await ssh.run("owner", dora!, "umec reboot");
      await rebooted;
      await audit("reboot", ({ person, result }) => person === "owner" && result === "done");
      // A node that samples takes commands, too, or will in a moment.
      await hub.sample({ node, plugin: "io", storedFromMs, timeoutMs: 300_000 });
      for (let attempt = 1; ; attempt++) {
        const { code, stdout, stderr } = await ssh.run("owner", dora!, "umec target");
        if (code === 0) {
          assert.equal(stdout, without);
          break;
        }
        assert.ok(attempt < 60, stderr);
      }

      // Without a key ssh is off.
      const nobody = without.replace(/^users:\n(?: .*\n)*/m, "");
      await ssh.run("owner", dora!, "umec target --set -", { input: nobody });
      for (let attempt = 1; ; attempt++) {
        const { stderr } = await ssh.run("owner", dora!, "id");
        if (/Connection (closed|reset|refused)|kex_exchange/.test(stderr)) break;
        assert.ok(attempt < 30, stderr);
      }
    },
  };
}
