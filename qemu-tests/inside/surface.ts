import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { listening } from "../kit/listening.ts";
import { type BoardStory, node } from "../shared-board.ts";

const page = new URL("../../docs/security.md", import.meta.url);

/** The first column of the table under a heading of the page, without its back ticks. */
async function column(heading: string): Promise<string[]> {
  const [, section] = (await readFile(page, "utf8")).split(`\n## ${heading}\n`);
  assert.ok(section, `docs/security.md has no section ${heading}`);
  const rows = section.split("\n## ")[0]!.matchAll(/^\| `([^`]+)` \|/gm);
  return [...rows].map(([, first]) => first!);
}

export function surface(): BoardStory {
  return {
    name: "what listens, and what runs as somebody else, is in docs/security.md and nothing more",
    plugins: { board: { driver: "system", options: { intervalMs: 30_000 } } },
    async tell({ board, hub }) {
      await hub.sample({ node, plugin: "board", name: "uptime", timeoutMs: 180_000 });
      const sh = async (command: string) => (await board.sh(command)).output;

      // Whoever has a key is let in a moment after the node has read who that is.
      await sh("until systemctl -q is-active umec-ssh.socket; do sleep 1; done");
      const tables = await sh("head -n -0 /proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6");
      assert.deepEqual(listening(tables), (await column("Ports of a node")).sort());

      const setuid = await sh("find / -xdev -type f -perm /6000 2>/dev/null; true");
      assert.deepEqual(setuid.split("\n").filter(Boolean), await column("Files with setuid or setgid"));

      const services = await sh("systemctl list-units --type=service --state=running --no-legend --plain");
      const running = services.split("\n").map((line) => line.split(/\s/)[0]!.replace(/@.*\./, "@."));
      const known = await column("Services of a node");
      assert.deepEqual(
        running.filter((name) => !known.includes(name) && !name.startsWith("umec-debug")),
        [],
      );
    },
  };
}
