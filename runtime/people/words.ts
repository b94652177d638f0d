/** The words of a command line, taken apart without a shell: nothing in it is ever expanded or executed. */
import { UmecError } from "../errors.ts";

/**
 * Blanks part words; quotes and a backslash keep what they do in sh, and all else stands for itself.
 *
 * @throws UmecError `CLI_USAGE` for a quote that is not closed
 */
export function wordsOf(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!;
    if (quote === "'" ? char !== "'" : quote !== "" && char !== '"' && char !== "\\")
      word = (word ?? "") + char;
    else if (char === quote) quote = "";
    else if (char === "\\" && at + 1 < text.length) word = (word ?? "") + text[++at];
    else if (char === "'" || char === '"') {
      quote = char;
      word ??= "";
    } else if (/\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + char;
  }
  if (quote !== "") throw new UmecError("CLI_USAGE", `a quote ${quote} is not closed`);
  return word === undefined ? words : [...words, word];
}
