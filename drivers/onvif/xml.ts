/**
 * XML as cameras write it, read by local names.
 *
 * Each maker has prefixes of its own, some forget to declare them, and a few have namespaces with a typing mistake;
 * within one answer the local names are never ambiguous. So a prefix is cut off and a namespace is not looked at.
 * The parser knows no DTD and no entities but XML's own five, so a body can't grow while it is parsed.
 */
import { parseXml, XmlElement } from "@rgrove/parse-xml";
import { UmecError } from "../../runtime/plugin/sdk.ts";

export interface XmlTree {
  /** Local name. */
  name: string;
  /** By local names. */
  attributes: Readonly<Record<string, string>>;
  children: readonly XmlTree[];
  /** All text in it, without blanks around it. */
  readonly text: string;
  /** As it was written. */
  element: XmlElement;
}

/** Reads a document; throws `ONVIF_XML`, which says what else it looks like. */
export function parseTree(source: string): XmlTree {
  const text = source.replace(/^\uFEFF?\s+|^\uFEFF/, "");
  if (text === "") throw new UmecError("ONVIF_XML", "the answer is empty");
  if (/^<(?:!doctype\s+html|html)/i.test(text)) {
    throw new UmecError("ONVIF_XML", "the answer is an HTML page, not XML", {
      hint: "look at path and port: it may be the page of the camera's web interface",
    });
  }
  try {
    const { root } = parseXml(text);
    if (root) return treeOf(root);
  } catch (cause) {
    // The parser's message quotes the source over several lines: one is enough, and it may be long.
    const reason = String((cause as Error).message)
      .split("\n", 1)[0]
      ?.slice(0, 120);
    throw new UmecError("ONVIF_XML", `the answer is broken XML: ${reason}`, { cause });
  }
  throw new UmecError("ONVIF_XML", "the answer is XML without an element");
}

/** The first of the children by each name in turn. */
export function child(tree: XmlTree | undefined, ...path: readonly string[]): XmlTree | undefined {
  let at = tree;
  for (const name of path) at = at?.children.find((each) => each.name === name);
  return at;
}

/** All children with the name. */
export function childrenOf(tree: XmlTree | undefined, name: string): XmlTree[] {
  return tree?.children.filter((each) => each.name === name) ?? [];
}

/** The text at a path, if there is any. */
export function textAt(tree: XmlTree | undefined, ...path: readonly string[]): string | undefined {
  const text = child(tree, ...path)?.text;
  return text === "" ? undefined : text;
}

/** The first element with the name, at whatever depth. */
export function find(tree: XmlTree, name: string): XmlTree | undefined {
  if (tree.name === name) return tree;
  for (const each of tree.children) {
    const found = find(each, name);
    if (found) return found;
  }
  return undefined;
}

/** Text that can stand between tags and in quotes. What XML can't say at all is left out. */
export function escapeXml(text: string): string {
  return (
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: XML 1.0 section 2.2 has no others.
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "")
      .replaceAll("&", "&amp;")
      .replaceAll("<", "&lt;")
      .replaceAll(">", "&gt;")
      .replaceAll('"', "&quot;")
      .replaceAll("'", "&apos;")
  );
}

/** The element as XML that stands by itself: with the declarations of all prefixes that hold at its place. */
export function writeElement(tree: XmlTree): string {
  const scope: Record<string, string> = {};
  for (let at: unknown = tree.element; at instanceof XmlElement; at = at.parent) {
    for (const [name, value] of Object.entries(at.attributes)) {
      if (name === "xmlns" || name.startsWith("xmlns:")) scope[name] ??= value;
    }
  }
  return write(tree.element, scope);
}

function write({ name, attributes, children }: XmlElement, extra: Readonly<Record<string, string>>): string {
  const all = Object.entries({ ...extra, ...attributes })
    .map(([key, value]) => ` ${key}="${escapeXml(value)}"`)
    .join("");
  const inner = children.map((each) => {
    if (each instanceof XmlElement) return write(each, {});
    return "text" in each ? escapeXml(each.text) : "";
  });
  return `<${name}${all}>${inner.join("")}</${name}>`;
}

function treeOf(element: XmlElement): XmlTree {
  const attributes: Record<string, string> = {};
  for (const [name, value] of Object.entries(element.attributes)) attributes[local(name)] ??= value;
  const children = element.children.filter((each) => each instanceof XmlElement).map(treeOf);
  return {
    name: local(element.name),
    attributes,
    children,
    get text() {
      return element.text.trim();
    },
    element,
  };
}

function local(name: string): string {
  return name.slice(name.indexOf(":") + 1);
}
