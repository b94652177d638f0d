/** One thing that is wrong, or doubtful, in a target file. */
export interface Finding {
  /** The file's path, as it was given. */
  file: string;
  /** From 1. For a missing key: where its parent's key is. */
  line: number;
  /** From 1, in UTF-16 code units. */
  column: number;
  /** JSON Pointer (RFC 6901) of the value or key meant; empty for the whole file. */
  pointer: string;
  /** The value as it is written, shortened and without secrets; empty where it would say nothing. */
  value: string;
  reason: string;
  /** What to do next. */
  hint?: string;
  /** A target with an `error` is not used; one with a `warning` is. */
  severity: "error" | "warning";
}

/**
 * A finding for people and editors:
 * `node.yaml:12:13: plugins/meter/options/port: 99999: must be <= 65535 (TCP port)`, and its hint on a line
 * below. A warning says so behind the position.
 */
export function formatFinding(finding: Finding): string {
  const place = `${finding.file}:${finding.line}:${finding.column}`;
  const parts = [
    finding.severity === "warning" ? `${place}: warning` : place,
    finding.pointer.slice(1),
    finding.value,
    finding.reason,
  ].filter((part) => part !== "");
  return parts.join(": ") + (finding.hint === undefined ? "" : `\n    hint: ${finding.hint}`);
}

/** Something wrong, before its place in the file is looked up. */
export interface Problem {
  pointer: string;
  /** Whether the key at `pointer` is meant, or its value. @default "value" */
  at?: "key" | "value";
  reason: string;
  hint?: string | undefined;
  /** @default "error" */
  severity?: "error" | "warning";
}
