/** Where a text stops being JSON (RFC 8259), and what would have had to stand there. */
export interface JsonFault {
  /** In UTF-16 code units from the beginning. */
  offset: number;
  reason: string;
}

/**
 * The first fault of a text; `undefined` when it is JSON. JSON.parse knows too, but its messages quote the text around
 * the place, and that may be a secret.
 */
export function findJsonFault(text: string): JsonFault | undefined {
  const scanner = new Scanner(text);
  try {
    scanner.value(0);
    scanner.end();
    return undefined;
  } catch (fault) {
    if (fault instanceof Fault) return { offset: fault.offset, reason: fault.message };
    throw fault;
  }
}

class Fault extends Error {
  readonly offset: number;

  constructor(offset: number, reason: string) {
    super(reason);
    this.offset = offset;
  }
}

const deepest = 100;
const blanks = /[ \t\r\n]*/y;
const scalar = /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.+-])/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids them in text.
const string = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;

class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): void {
    this.#take(blanks);
    const start = this.#text[this.#at];
    if (depth > deepest) throw new Fault(this.#at, `it is nested deeper than ${deepest} levels`);
    if (start === "{") this.#list("}", () => this.#member(depth));
    else if (start === "[") this.#list("]", () => this.value(depth + 1));
    else if (start === '"') this.#string();
    else if (!this.#take(scalar))
      throw this.#expected("a value: text in double quotes, a number, {, [, true or false");
    this.#take(blanks);
  }

  end(): void {
    if (this.#at < this.#text.length) throw new Fault(this.#at, "there is something behind the end");
  }

  #list(close: string, item: () => void): void {
    this.#at++;
    this.#take(blanks);
    if (this.#text[this.#at] === close) {
      this.#at++;
      return;
    }
    for (;;) {
      item();
      const next = this.#text[this.#at];
      if (next !== "," && next !== close) throw this.#expected(`a comma or ${close}`);
      this.#at++;
      if (next === close) return;
    }
  }

  #member(depth: number): void {
    this.#take(blanks);
    if (this.#text[this.#at] !== '"') throw this.#expected("a key in double quotes");
    this.#string();
    this.#take(blanks);
    if (this.#text[this.#at] !== ":") throw this.#expected("a colon");
    this.#at++;
    this.value(depth + 1);
  }

  #string(): void {
    if (this.#take(string)) return;
    throw new Fault(
      this.#at,
      'this text does not end on its line, or has a \\ before something else than n, \\ or "',
    );
  }

  #take(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    if (!pattern.test(this.#text)) return false;
    this.#at = pattern.lastIndex;
    return true;
  }

  #expected(what: string): Fault {
    const end = this.#at >= this.#text.length ? "the file ends here; " : "";
    return new Fault(this.#at, `${end}here should be ${what}`);
  }
}
