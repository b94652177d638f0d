/**
 * `authorized_keys` of a level, for dropbear(8). Each line forces `umec session`, which knows by it who has come: so a
 * person needs no Unix user, and a viewer or an operator never gets to a shell.
 *
 * Nothing of a line needs quoting: names and levels are words of a-z, 0-9 and -, keys have no comment.
 */
import type { Level, UserTarget } from "./types.ts";

const sessionCommand = "/usr/bin/umec session";

/** @returns `undefined` when nobody may log in with this level */
export function authorizedKeys(users: readonly UserTarget[], level: Level): string | undefined {
  const lines = users
    .filter((user) => user.level === level)
    .flatMap(({ name, keys }) => {
      const command = `command="${sessionCommand} --person ${name} --level ${level}"`;
      return keys.map((key) => `${optionsOf(level)},${command} ${key}\n`);
    });
  return lines.length === 0 ? undefined : lines.join("");
}

/** dropbear has no option that gives a terminal back after `restrict`. */
function optionsOf(level: Level): string {
  const shell = level === "maintainer" || level === "owner";
  return shell ? "no-port-forwarding,no-agent-forwarding,no-X11-forwarding" : "restrict";
}
