import type { TargetDocument } from "../target/document.ts";
import type { Finding } from "../target/finding.ts";

export interface CheckedForHub {
  /** With their places in the text. */
  findings: Finding[];
  /** Keys that only a node decides: they are passed over there. */
  passedOver: string[];
  /** The node that the text says it is for, if it says so. */
  node?: string;
}

/** Where a node that has the keys links to, for the check. */
const standIn = "node: NODE\nlink: { hub: 'tls://hub.example.org:7422' }\n";
const nodesOwn = [["node"], ["data"], ["link", "hub"], ["link", "credentials"], ["link", "ca"]];

/**
 * Checks keys of a node.yaml that a hub is to keep for a node, as the node will: put into a file that has nothing else. So
 * alarms need the plugins that they watch in the same text.
 *
 * @param path of the text, for the findings
 */
export async function checkForHub(text: string, path: string, node: string): Promise<CheckedForHub> {
  const [{ readDocument }, { checkTarget }, { mergeTarget }, { drivers }] = await Promise.all([
    import("../target/document.ts"),
    import("../target/check.ts"),
    import("../enrol/settle.ts"),
    import("../drivers.ts"),
  ]);
  const document = readDocument(text);
  const { value, problems } = document;
  const faults = problems.map(({ reason, hint, line, column, pointer }) => ({
    ...{ file: path, line, column, pointer, value: "", reason, severity: "error" as const },
    ...(hint !== undefined && { hint }),
  }));
  if (faults.length > 0) return { findings: faults, passedOver: [] };
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return { findings: [fault(path, "must be a mapping of keys of node.yaml")], passedOver: [] };
  const keys = value as Record<string, unknown>;
  const whole = mergeTarget(standIn.replace("NODE", node), { target: keys }).text;
  const { findings } = await checkTarget(whole, { path, drivers });
  const own = typeof keys.node === "string" ? keys.node : undefined;
  return {
    // Its link is the node's, and files that it names are there.
    findings: findings.filter(({ pointer }) => pointer !== "/link").map((one) => placed(one, document)),
    passedOver: nodesOwn.filter((way) => at(keys, way) !== undefined).map((way) => way.join(".")),
    ...(own !== undefined && { node: own }),
  };
}

/** The finding where it stands in the hub's text, not in what was made of it. */
function placed(finding: Finding, document: TargetDocument): Finding {
  const { line, column } = document.locate(finding.pointer, "value");
  return { ...finding, line, column };
}

function at(keys: Record<string, unknown>, way: readonly string[]): unknown {
  return way.reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], keys);
}

function fault(path: string, reason: string): Finding {
  return { file: path, line: 1, column: 1, pointer: "", value: "", reason, severity: "error" };
}
