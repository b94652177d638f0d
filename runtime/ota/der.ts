/** One element of DER (X.690): what of it is needed to walk into a CMS structure. */
export interface DerElement {
  readonly tag: number;
  /** Primitive: the value. Constructed: the elements in it, one after another. */
  readonly content: Uint8Array;
  /** Where the next element begins. */
  readonly end: number;
}

/** The element at `start`, or `undefined` where there is none, or one of a kind that DER does not have. */
export function readDer(bytes: Uint8Array, start = 0): DerElement | undefined {
  const tag = bytes[start];
  const first = bytes[start + 1];
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f || first === 0x80) return undefined;
  let at = start + 2;
  let length = first;
  if (first > 0x80) {
    const count = first & 0x7f;
    if (count > 4 || at + count > bytes.length) return undefined;
    length = 0;
    for (let i = 0; i < count; i++, at++) length = length * 256 + bytes[at]!;
  }
  if (at + length > bytes.length) return undefined;
  return { tag, content: bytes.subarray(at, at + length), end: at + length };
}

/** The elements in a constructed one. */
export function childrenOf(element: DerElement | undefined): DerElement[] {
  const found: DerElement[] = [];
  for (let at = 0; element && at < element.content.length; ) {
    const child = readDer(element.content, at);
    if (!child) return found;
    found.push(child);
    at = child.end;
  }
  return found;
}
