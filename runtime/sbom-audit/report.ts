/** An audit for people to read. */
import type { AuditReport } from "./audit.ts";
import { shortName } from "./inventory.ts";
import type { Ecosystem, Finding, Fix, Level, Part } from "./types.ts";

const titleChars = 96;

/** How to get newer base versions, in a clone. */
export const bumpCommand = "image/bump.sh";

const listOptions: Readonly<Record<Ecosystem, string>> = {
  debian: "no list given: --debian",
  npm: "no list given: --npm",
  node: "no list given: --node",
  none: "no list knows it",
};

export function formatReport(report: AuditReport, failOn: Level | undefined): string {
  const { files, parts, open, undetermined, ignored, unchecked, idle } = report;
  const sections = [
    `${plural(parts.length, "part")} in ${files.map(shortName).join(", ")}\n`,
    ...open.map((finding) => formatFinding(finding)),
    ...undetermined.map((finding) => formatFinding(finding, "undetermined")),
    list(
      "ignored",
      ignored,
      ({ id, part, ignored: why }) => `${id} ${part.name}: ${why!.reason}, until ${why!.until}`,
    ),
    list(
      "not checked",
      groups(unchecked),
      ([ecosystem, names]) => `${listOptions[ecosystem]}: ${names.join(", ")}`,
    ),
    list(
      "idle entries of the ignore file",
      idle,
      ({ vulnerability, package: name, until }) =>
        `${vulnerability}${name === undefined ? "" : ` ${name}`}, until ${until}: it is not found any more, or elsewhere`,
    ),
    summary(report, failOn),
  ];
  return sections.filter((text) => text !== "").join("\n");
}

function groups(parts: readonly Part[]): [Ecosystem, string[]][] {
  const byEcosystem = Map.groupBy(parts, ({ ecosystem }) => ecosystem);
  return [...byEcosystem].map(([ecosystem, of]) => [
    ecosystem,
    of.map(({ name, version }) => `${name} ${version}`),
  ]);
}

function formatFinding(
  { id, part, severity, title, note, fix, expired }: Finding,
  word: string = severity,
): string {
  const { name, version, includes, from } = part;
  const inside = includes.filter((one) => one !== name);
  const shown = title.length > titleChars ? `${title.slice(0, titleChars - 1)}…` : title;
  const lines = [
    `${word.padEnd(13)}${id}  ${name} ${version}${inside.length > 0 ? ` (${inside.join(", ")})` : ""}`,
    shown.replaceAll(/\s+/g, " "),
    fixText(fix),
    ...(note === undefined ? [] : [`Debian: ${note.replaceAll(/\s+/g, " ")}`]),
    ...(expired === undefined ? [] : [`the ignore file's entry ran out on ${expired}`]),
    `in ${from.map(shortName).join(", ")}`,
  ];
  return `${lines.filter((line) => line !== "").join(`\n${" ".repeat(13)}`)}\n`;
}

function fixText({ state, version, suite }: Fix): string {
  const where = suite === undefined ? "" : `, in ${suite}`;
  switch (state) {
    case "pinned":
      return `fixed in ${version}, which the clone pins already: build anew`;
    case "available":
      return `fixed in ${version}${where}: the next base version brings it`;
    case "elsewhere":
      return `not fixed in this release; fixed in ${version}${where}`;
    default:
      return "no fix is known";
  }
}

function list<T>(title: string, rows: readonly T[], format: (row: T) => string): string {
  if (rows.length === 0) return "";
  return `${title}:\n${rows.map((row) => `  ${format(row)}\n`).join("")}`;
}

function summary(
  { open, failing, ignored, undetermined, unchecked }: AuditReport,
  failOn: Level | undefined,
): string {
  const counts = [`${open.length} open`];
  if (failOn !== undefined) counts.push(`${failing.length} of them ${failOn} or worse, or not judged yet`);
  counts.push(`${undetermined.length} undetermined`, `${ignored.length} ignored`);
  if (unchecked.length > 0) counts.push(`${plural(unchecked.length, "part")} not checked`);
  const by = (state: Fix["state"]) => open.filter(({ fix }) => fix.state === state).length;
  const lines = [counts.join(", ")];
  if (by("pinned") > 0) lines.push(`${by("pinned")} are mended by building anew: make bundle image`);
  if (by("available") > 0)
    lines.push(`${by("available")} are mended by the next base version: ${bumpCommand}`);
  return `${lines.join("\n")}\n`;
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}
