/** What a session without a shell offers: a few subcommands of `umec`, each with the options that are named here. */
import { UmecError } from "../errors.ts";
import { may, type Right } from "./rights.ts";
import type { Level } from "./types.ts";
import { wordsOf } from "./words.ts";

interface Offer {
  right: Right;
  flags: readonly string[];
  /** Options with a value, as the word behind them. */
  valued: readonly string[];
  /** Least and most words that are no options. */
  words: readonly [number, number];
  shown: string;
}

/** Nothing that names a file or another host: the command runs as the level's Unix user. */
const offers: Readonly<Record<string, Offer>> = {
  status: {
    right: "status",
    flags: ["--json", "--watch"],
    valued: [],
    words: [0, 0],
    shown: "status [--json] [--watch]",
  },
  set: {
    right: "command",
    flags: ["--json"],
    valued: ["--ttl"],
    words: [1, 2],
    shown: "set <point> [value] [--ttl 5s]",
  },
};

/** The lines of what a person of this level can say. */
export function offered(level: Level): string[] {
  return Object.values(offers)
    .filter(({ right }) => may({ level }, right))
    .map(({ shown }) => shown);
}

/**
 * Arguments for `umec`, from what stands behind `ssh operator@node`; `undefined` when that is nothing.
 *
 * @throws UmecError `PERSON_NOT_ALLOWED` for what is not offered, `CLI_USAGE`
 */
export function argumentsFor(command: string, level: Level): string[] | undefined {
  const words = wordsOf(command);
  if (words[0] === "umec") words.shift();
  const [name, ...rest] = words;
  if (name === undefined) return undefined;
  const offer = Object.hasOwn(offers, name) ? offers[name] : undefined;
  if (!offer || !may({ level }, offer.right)) throw refused(`${name} is not offered to a ${level}`, level);
  let plain = 0;
  for (let at = 0; at < rest.length; at++) {
    const word = rest[at]!;
    if (offer.valued.includes(word)) at += 1;
    // A negative number is a value, as in `set lamp/level -5`.
    else if (!word.startsWith("-") || /^-[0-9.]+$/.test(word)) plain += 1;
    else if (!offer.flags.includes(word)) throw refused(`${name} ${word} is not offered here`, level);
  }
  const [least, most] = offer.words;
  if (plain < least || plain > most) throw refused(`${name} with ${plain} words is not offered`, level);
  return [name, ...rest];
}

function refused(message: string, level: Level): UmecError {
  return new UmecError("PERSON_NOT_ALLOWED", message, { hint: `there are: ${offered(level).join("; ")}` });
}
