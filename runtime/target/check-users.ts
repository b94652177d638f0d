/** People: what a schema can't say about their keys. */
import { auditPlugin } from "../people/types.ts";
import { sshKeyOf, sshKeyPattern } from "../ssh-key.ts";
import { updatePlugin } from "../update-wire.ts";
import type { Problem } from "./finding.ts";
import { isRecord, toPointer } from "./json.ts";

const syntax = new RegExp(sshKeyPattern, "u");

/** `users` and `plugins` are as in the file, and may be of any shape. */
export function checkUsers(users: unknown, plugins: unknown): Problem[] {
  const problems: Problem[] = [];
  for (const name of [auditPlugin, updatePlugin]) {
    if (!isRecord(plugins) || !Object.hasOwn(plugins, name)) continue;
    const pointer = toPointer("plugins", name);
    const hint = "call it otherwise";
    problems.push({ pointer, at: "key", reason: "this name is the node's own", hint });
  }
  const owners = new Map<string, string>();
  for (const [name, user] of Object.entries(isRecord(users) ? users : {})) {
    if (!isRecord(user) || !Array.isArray(user.ssh)) continue;
    user.ssh.forEach((line: unknown, index) => {
      if (typeof line !== "string" || !syntax.test(line)) return;
      const pointer = toPointer("users", name, "ssh", index);
      const key = sshKeyOf(line);
      if (key === undefined) {
        const hint = "copy the whole line of the file *.pub";
        problems.push({ pointer, reason: "its data is no key of the type that it names", hint });
        return;
      }
      const owner = owners.get(key);
      owners.set(key, name);
      if (owner === undefined) return;
      const hint = "the key tells who has come, so each person needs keys of their own";
      problems.push({ pointer, reason: `the key is ${owner}'s already`, hint });
    });
  }
  return problems;
}
