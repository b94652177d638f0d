/** Plays the units that apply rules, with the image's own scripts in a network of the test. */
import { watch } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestNetwork } from "./test-network.ts";

const system = join(import.meta.dirname, "overlay/usr/lib/umec/system");

/** As systemd does for umec-dns.service. Each call is noted in `calls`. */
const systemctl = `#!/bin/sh
echo "$*" >>"$R/calls"
pid=$(cat "$R/run/umec-dns/pid" 2>/dev/null)
alive() { [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null; }
stop() { ! alive || kill "$pid"; while alive; do sleep 0.01; done; rm -f "$R/run/umec-dns/pid"; }
case "$*" in
  *is-active*) alive ;;
  reload*) kill -HUP "$pid" ;;
  restart*) stop && dnsmasq --user=root -C "$R/run/umec-rules/dns/conf" ;;
  stop*) stop ;;
esac
`;

export interface Root {
  /** For \`createRuleEngine\`. */
  dir: string;
  /** What systemctl was called with since the last time. */
  calls(): Promise<string[]>;
  /** Runs the script of `names` or `traffic` once. */
  apply(what: "names" | "traffic"): Promise<void>;
  stop(): Promise<void>;
}

/** Applies what is asked for below `root`, as soon as it is asked for unless `watches` is false. */
export async function startRoot(network: TestNetwork, root: string, { watches = true } = {}): Promise<Root> {
  const dir = join(root, "run/umec-rules");
  for (const folder of ["run/umec-rules/asked", "run/umec-dns", "run/umec", "bin"])
    await mkdir(join(root, folder), { recursive: true });
  await writeFile(join(root, "bin/systemctl"), systemctl, { mode: 0o755 });
  const callsPath = join(root, "calls");
  const env = { R: root, PATH: `${join(root, "bin")}:/usr/sbin:/usr/bin:/sbin:/bin` };
  let running: Promise<unknown> = Promise.resolve();
  const apply = (what: string) => network.run("node", [join(system, what)], env).then(() => undefined);
  const watcher =
    watches &&
    watch(join(dir, "asked"), (event, name) => {
      if (event !== "rename" || (name !== "names" && name !== "traffic")) return;
      // Also told when it goes.
      running = running.then(() => apply(name)).catch(() => undefined);
    });
  return {
    dir,
    apply,
    calls: async () => {
      const text = await readFile(callsPath, "utf8").catch(() => "");
      await writeFile(callsPath, "");
      return text.split("\n").filter((line) => line !== "" && !line.includes("is-active"));
    },
    stop: async () => {
      if (watcher) watcher.close();
      await running;
    },
  };
}
