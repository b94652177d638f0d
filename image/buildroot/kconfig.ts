/**
 * Reads kconfig's two languages as far as this tree uses them, for its test: Config.in files (the kernel's
 * Documentation/kbuild/kconfig-language.rst, with the rules of Buildroot's manual for their form) and defconfigs. What
 * kconfig would pass over without a word, such as a defconfig's unknown line, is an error here.
 */

/** A file that does not follow the grammar: `<file>:<line>: <why>`. */
export class KconfigError extends Error {
  override name = "KconfigError";
}

export interface ConfigIn {
  /** Symbols that are defined, with their type. */
  defined: Map<string, "bool" | "string">;
  /** Symbols that expressions, `select` and `default` name. */
  used: Set<string>;
  /** Paths of `source`. */
  sources: string[];
}

const symbol = /^BR2_\w+$/;

/** Reads a Config.in file. Throws {@link KconfigError}. */
export function parseConfigIn(file: string, text: string): ConfigIn {
  const result: ConfigIn = { defined: new Map(), used: new Set(), sources: [] };
  // What a line may follow: attributes belong to a config or a comment, and come in the manual's order.
  let entry: "config" | "comment" | undefined;
  let name = "";
  let order = 0;
  let help = false;
  let open = 0;
  let line = 0;
  const fail = (why: string): never => {
    throw new KconfigError(`${file}:${line}: ${why}`);
  };
  const expression = (words: string) => {
    for (const used of checkExpression(words) ?? fail(`no expression: ${words}`)) result.used.add(used);
  };
  const attribute = (rank: number, inComment = false) => {
    if (entry === undefined || (entry === "comment" && !inComment)) fail("an attribute of nothing");
    if (rank < order) fail("attributes stand in the order: type, default, depends on, select, help");
    order = rank;
  };

  for (const joined of logicalLines(text)) {
    line = joined.line;
    if (help && (joined.text.startsWith("\t  ") || joined.text === "")) {
      if (joined.text.replace("\t", "").length > 64) fail("help text is wider than 62 characters");
      continue;
    }
    help = false;
    const code = joined.text.replace(/\s+#.*$/, "");
    if (code === "" || code.startsWith("#")) continue;
    const match =
      /^(\t?)(\S+)\s*(.*)$/.exec(code) ?? fail("only a tab may stand in front of a line, and only one");
    const [, tab, word, rest] = match as unknown as [string, string, string, string];
    const own = ["bool", "string", "default", "depends", "select", "help"].includes(word);
    if (own !== (tab !== "")) fail(own ? "an attribute has a tab in front" : "an entry has no tab in front");
    switch (word) {
      case "config":
        if (!symbol.test(rest)) fail(`no symbol: ${rest}`);
        if (result.defined.has(rest)) fail(`${rest} is defined twice`);
        entry = "config";
        name = rest;
        order = 0;
        break;
      case "comment":
        if (!/^"[^"]+"$/.test(rest)) fail("a comment is a text in quotes");
        entry = "comment";
        order = 0;
        break;
      case "if":
        expression(rest);
        open++;
        entry = undefined;
        break;
      case "endif":
        if (--open < 0) fail("endif without if");
        entry = undefined;
        break;
      case "source":
        result.sources.push(/^"([^"]+)"$/.exec(rest)?.[1] ?? fail("a path in quotes belongs to source"));
        break;
      case "bool":
      case "string":
        attribute(1);
        if (!/^"[^"]+"$/.test(rest)) fail("a prompt is a text in quotes");
        result.defined.set(name, word);
        break;
      case "default":
        attribute(2);
        if (!/^("[^"]*"|y)$/.test(rest)) fail("a default is y or a text in quotes");
        break;
      case "depends":
        attribute(3, true);
        expression(/^on (.+)$/.exec(rest)?.[1] ?? fail("depends what?"));
        break;
      case "select":
        attribute(4);
        if (!symbol.test(rest)) fail(`no symbol: ${rest}`);
        result.used.add(rest);
        break;
      case "help":
        attribute(5);
        help = true;
        break;
      default:
        fail(`not understood: ${word}`);
    }
  }
  if (open > 0) fail("an if is left open");
  return result;
}

/** The symbols of an expression of !, && , || and brackets; undefined if it is none. */
function checkExpression(text: string): string[] | undefined {
  let shape = text;
  const symbols = text.match(/BR2_\w+/g) ?? [];
  shape = shape.replace(/BR2_\w+/g, "s").replace(/\s+/g, "");
  for (let before = ""; before !== shape; ) {
    before = shape;
    shape = shape.replace("!s", "s").replace("(s)", "s").replace("s&&s", "s").replace("s||s", "s");
  }
  return shape === "s" ? symbols : undefined;
}

/** Reads a defconfig: its symbols with their values, in order; `undefined` for "is not set". Throws {@link KconfigError}. */
export function parseDefconfig(file: string, text: string): Map<string, string | undefined> {
  const values = new Map<string, string | undefined>();
  text.split("\n").forEach((line, index) => {
    const unset = /^# (BR2_\w+) is not set$/.exec(line);
    const set = /^(BR2_\w+)=(?:(y)|"([^"]*)")$/.exec(line);
    const name = unset?.[1] ?? set?.[1];
    if (name === undefined) {
      if (line !== "" && (!line.startsWith("# ") || line.includes("BR2_"))) {
        throw new KconfigError(`${file}:${index + 1}: not understood: ${line}`);
      }
      return;
    }
    if (values.has(name)) throw new KconfigError(`${file}:${index + 1}: ${name} is there twice`);
    values.set(name, set ? (set[2] ?? set[3]) : undefined);
  });
  return values;
}

/** Lines with those joined that end in a backslash; `line` is the number of the first one, from 1. */
function* logicalLines(text: string): Generator<{ line: number; text: string }> {
  const lines = text.split("\n");
  for (let index = 0; index < lines.length; index++) {
    const line = index + 1;
    let joined = lines[index] ?? "";
    while (joined.endsWith("\\"))
      joined = `${joined.slice(0, -1).trimEnd()} ${(lines[++index] ?? "").trim()}`;
    yield { line, text: joined };
  }
}
