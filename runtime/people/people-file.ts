/**
 * `people.json`: how the node, which is no root, tells root's `umec people apply` who may log in.
 *
 * ```json
 * {"version":1,"users":[{"name":"anna","level":"operator","keys":["ssh-ed25519 AAAA…"]}]}
 * ```
 *
 * It is written whole or not at all, and only when it changes. Who reads it trusts nothing of it: `parsePeople` takes
 * no key but these, no name, level or key of another shape, and nothing beyond the bounds of types.ts.
 */
import { readFile } from "node:fs/promises";
import { writeDurable } from "../durable-file.ts";
import { UmecError } from "../errors.ts";
import { sshKeyOf } from "../ssh-key.ts";
import { nameSyntax } from "../subjects.ts";
import { levels, mostKeys, mostUsers, type UserTarget } from "./types.ts";

/** More than the most users with the most keys take. */
export const maxPeopleBytes = 4 * 2 ** 20;

export function formatPeople(users: readonly UserTarget[]): string {
  const listed = users.map(({ name, level, keys }) => ({ name, level, keys }));
  return `${JSON.stringify({ version: 1, users: listed })}\n`;
}

/** @throws UmecError `PEOPLE_INVALID` */
export function parsePeople(text: string): UserTarget[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid("it is no JSON");
  }
  const { version, users } = only(value, ["version", "users"], "it");
  if (version !== 1) throw invalid("its version is not 1");
  if (!Array.isArray(users)) throw invalid("users is no list");
  if (users.length > mostUsers) throw invalid(`it has ${users.length} users, ${mostUsers} are allowed`);
  const names = new Set<string>();
  const owners = new Set<string>();
  return users.map((user: unknown, index) => {
    const { name, level, keys } = only(user, ["name", "level", "keys"], `user ${index}`);
    if (typeof name !== "string" || !nameSyntax.test(name)) throw invalid(`user ${index} has no name`);
    if (names.has(name)) throw invalid(`${name} is there twice`);
    names.add(name);
    const known = levels.find((one) => one === level);
    if (!known) throw invalid(`${name} has no level`);
    if (!Array.isArray(keys) || keys.length > mostKeys)
      throw invalid(`${name} has no list of keys, or too long a one`);
    for (const key of keys) {
      if (typeof key !== "string" || sshKeyOf(key) !== key) throw invalid(`${name} has a key that is none`);
      if (owners.has(key)) throw invalid(`${name} has a key that is there already`);
      owners.add(key);
    }
    return { name, level: known, keys: keys as string[] };
  });
}

/** Of the node before; none when there is no such file, or none to be used. */
export async function readPeople(path: string): Promise<UserTarget[] | undefined> {
  try {
    return parsePeople(await readFile(path, "utf8"));
  } catch {
    return undefined;
  }
}

/** Writes it if it says something else; where nobody ever may log in there is no file. */
export async function writePeople(path: string, users: readonly UserTarget[]): Promise<void> {
  const text = formatPeople(users);
  const before = await readFile(path, "utf8").catch(() => undefined);
  if (before === text || (before === undefined && users.length === 0)) return;
  await writeDurable(path, text);
}

function only(value: unknown, keys: readonly string[], what: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw invalid(`${what} is no mapping`);
  const strange = Object.keys(value).find((key) => !keys.includes(key));
  if (strange !== undefined) throw invalid(`${what} has an unknown key`);
  return value as Record<string, unknown>;
}

function invalid(reason: string): UmecError {
  return new UmecError("PEOPLE_INVALID", `the file of the people is not taken: ${reason}`, {
    hint: "the node writes it; who may log in stays as it was",
  });
}
