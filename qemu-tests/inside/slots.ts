import assert from "node:assert/strict";
import type { BoardStory } from "../shared-board.ts";

const partitions = ["boot", "boot_a", "boot_b", "root_a", "root_b", "data"];

export function slots(): BoardStory {
  return {
    name: "the runtime can read the slots, and no other block device, and can write to none",
    plugins: {},
    async tell({ board }) {
      /** In the service's control group, which has the rule about devices, and with its user's rights. */
      const asRuntime = async (commands: readonly string[]): Promise<string[]> => {
        const enter = "echo $$ >/sys/fs/cgroup/system.slice/umec.service/runtime/cgroup.procs";
        const drop = "setpriv --reuid=umec --regid=umec --init-groups --inh-caps=-all --bounding-set=-all";
        const inside = `${enter} && exec ${drop} --no-new-privs sh -c "${commands.join("; ")}; true"`;
        return (await board.sh(`sh -c '${inside}'`)).output.split("\n").filter(Boolean);
      };
      const read = partitions.map((name) => `head -c 512 /dev/umec/${name} >/dev/null 2>&1 && echo ${name}`);
      assert.deepEqual(await asRuntime(read), ["boot_a", "boot_b", "root_a", "root_b"]);
      const write = partitions.map((name) => `(: >>/dev/umec/${name}) 2>/dev/null && echo ${name}`);
      assert.deepEqual(await asRuntime(["id -un", ...write]), ["umec"]);
    },
  };
}
