import type { Command } from "commander";
import { addCommand, type Context } from "./context.ts";
import { exitCodes } from "./exit-codes.ts";

interface AuditCommandOptions {
  debian?: string;
  npm?: string;
  node?: string;
  ignore?: string;
  failOn: string;
  suite: string;
  tree: string;
  json?: true;
}

export function addAuditCommand(program: Command, context: Context): void {
  addCommand(program, {
    usage: "audit",
    summary: "say which known vulnerabilities are in a bundle or an image",
    description:
      "Compares what is shipped with lists of vulnerabilities that are given as files: nobody is asked over the network. " +
      "Says what is open, how bad it is, and which version mends it. docs/security-updates.md says where the lists are.",
    examples: [
      "umec audit dist --debian tracker.json --npm npm.json --node node.json",
      "umec audit dist/umec-0.1.0-rpi.img.zst --debian tracker.json --fail-on medium",
      "umec audit dist --debian tracker.json --ignore audit-ignore.yaml   # exit status 1 when something is open",
    ],
  })
    .argument("<paths...>", "dist/, bundles, images, or their SBOMs")
    .option("--debian <file>", "Debian's security tracker: its export tracker/data/json")
    .option("--npm <file>", "npm's advisories: what `npm audit --json` writes, or the registry's bulk answer")
    .option("--node <file>", "Node.js' own list: vuln/core/index.json of its security working group")
    .option("--ignore <file>", "what need not be mended, with reason and day of expiry")
    .option("--fail-on <severity>", "end with 1 at low, medium, high or critical; never: with 0", "high")
    .option("--suite <name>", "Debian's release that the image is made of", "trixie")
    .option("--tree <folder>", "the clone whose pinned versions count", ".")
    .option("--json", "one JSON object: open, undetermined, ignored, unchecked, failing")
    .action((paths: string[], options: AuditCommandOptions) => auditAll(paths, options, context));
}

async function auditAll(paths: string[], options: AuditCommandOptions, context: Context): Promise<void> {
  const [{ audit }, { readIgnoreFile }, { formatReport }, { levels }, { UmecError }] = await Promise.all([
    import("../sbom-audit/audit.ts"),
    import("../sbom-audit/ignore-file.ts"),
    import("../sbom-audit/report.ts"),
    import("../sbom-audit/types.ts"),
    import("../errors.ts"),
  ]);
  const { debian, npm, node, suite, tree } = options;
  const failOn = levels.find((level) => level !== "none" && level === options.failOn);
  if (failOn === undefined && options.failOn !== "never")
    throw new UmecError(
      "CLI_USAGE",
      `--fail-on ${options.failOn}: low, medium, high, critical or never is needed`,
    );
  if (debian === undefined && npm === undefined && node === undefined)
    throw new UmecError("CLI_USAGE", "there is no list to compare with", {
      hint: "give --debian, --npm, --node, or all of them",
    });
  const ignored = options.ignore === undefined ? [] : await readIgnoreFile(options.ignore);
  const lists = { ...(debian && { debian }), ...(npm && { npm }), ...(node && { node }) };
  const report = await audit({ paths, ...lists, ignored, suite, tree, ...(failOn && { failOn }) });
  const { pins: _, ...told } = report;
  context.stdout.write(options.json ? `${JSON.stringify(told)}\n` : formatReport(report, failOn));
  if (report.failing.length > 0) context.exitCode = exitCodes.failed;
}
