import type { Command } from "commander";
import { addCommand, type Context } from "./context.ts";
import { defaultTargetPath } from "./target-file.ts";

export function addAppCommand(program: Command, context: Context): void {
  const app = addCommand(program, {
    usage: "app",
    summary: "make secrets for applications, and list those of a node",
    description: "What a node's target file says of the applications that may use its API.",
    examples: ["umec app secret weather-board", "umec app list"],
  });
  addCommand(app, {
    usage: "secret",
    summary: "make a client secret for an application",
    description:
      "Prints a new secret, for the application alone, and the line for the node's target file, which has only its " +
      "SHA-256. Whoever has the line can't be the application.",
    examples: [
      "umec app secret weather-board",
      "umec app secret weather-board --json | jq -r .secret > secret   # and .secretSha256 into node.yaml",
    ],
  })
    .argument("[name]", "the application's name in the target file", "my-app")
    .option("--json", "one JSON object: name, secret, secretSha256")
    .action((name: string, options: { json?: true }) => makeSecret(name, options, context));
  addCommand(app, {
    usage: "list",
    summary: "list the applications of a target file",
    description: "With the identifiers that ETSI's APIs have for them, and what each may do.",
    examples: ["umec app list", "umec app list node.yaml --json | jq -r .appInstanceId"],
  })
    .argument("[file]", "the node's target file", defaultTargetPath)
    .option("--json", "one JSON object a line")
    .action((file: string, options: { json?: true }) => list(file, options, context));
}

async function makeSecret(name: string, { json }: { json?: true }, { stdout }: Context): Promise<void> {
  const [{ createHash, randomBytes }, { nameSyntax }, { UmecError }] = await Promise.all([
    import("node:crypto"),
    import("../subjects.ts"),
    import("../errors.ts"),
  ]);
  if (!nameSyntax.test(name))
    throw new UmecError("CLI_USAGE", `${JSON.stringify(name)} is no name for an application`, {
      hint: "use 1 to 63 of a-z, 0-9 and -",
    });
  const secret = randomBytes(32).toString("base64url");
  const secretSha256 = createHash("sha256").update(secret).digest("hex");
  if (json) {
    stdout.write(`${JSON.stringify({ name, secret, secretSha256 })}\n`);
    return;
  }
  stdout.write(`for the application, and nobody else; it is not kept anywhere:
  ${secret}

for node.yaml:
  apps:
    ${name}:
      secretSha256: ${secretSha256}
`);
}

async function list(file: string, { json }: { json?: true }, context: Context): Promise<void> {
  const [{ checkFile, formatFindings }, { formatTable }, { UmecError }] = await Promise.all([
    import("./target-file.ts"),
    import("./table.ts"),
    import("../errors.ts"),
  ]);
  const { target, findings } = await checkFile(file);
  if (!target) {
    context.stderr.write(formatFindings(findings));
    throw new UmecError("TARGET_INVALID", `${file} has errors`, { hint: `see umec check ${file}` });
  }
  if (json) {
    for (const { secretSha256: _, ...app } of target.apps) context.stdout.write(`${JSON.stringify(app)}\n`);
    return;
  }
  if (target.apps.length === 0) {
    context.stdout.write("no applications: name them in node.yaml under apps\n");
    return;
  }
  const titles = ["APP", "INSTANCE", "SCOPES", "READ", "WRITE"].map((title) => ({ title }));
  const rows = target.apps.map(({ name, appInstanceId, scopes, read, write }) => [
    name,
    appInstanceId,
    scopes.join(" "),
    read.join(" ") || "-",
    write.join(" ") || "-",
  ]);
  context.stdout.write(`${formatTable(titles, rows).join("\n")}\n`);
}
