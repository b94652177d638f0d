/**
 * The public API of the plugin SDK as one file, docs/sdk-api.md: what a driver's author may rely on, as TypeScript
 * declares it, without comments. A change of the SDK shows there as a change that somebody has reviewed; `make api`
 * writes it anew.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const root = fileURLToPath(new URL("../", import.meta.url));
const entries = ["runtime/plugin/sdk.ts", "runtime/plugin/testkit.ts"];
/** The SDK's own words; what else they import is not a driver's to see. */
const shown = [
  ...entries,
  "runtime/plugin/contract.ts",
  "runtime/clock.ts",
  "runtime/errors.ts",
  "runtime/log.ts",
];

export const reportPath = join(root, "docs/sdk-api.md");

/** The report as it should stand. */
export function sdkReport(): string {
  const config = ts.getParsedCommandLineOfConfigFile(join(root, "tsconfig.json"), undefined, {
    ...ts.sys,
    onUnRecoverableConfigFileDiagnostic: () => undefined,
  });
  const program = ts.createProgram(
    entries.map((path) => join(root, path)),
    {
      ...config?.options,
      noEmit: false,
      declaration: true,
      emitDeclarationOnly: true,
      removeComments: true,
      allowImportingTsExtensions: true,
    },
  );
  const texts = new Map<string, string>();
  program.emit(undefined, (path, text) => {
    const source = relative(root, path).replace(/\.d\.ts$/, ".ts");
    if (shown.includes(source)) texts.set(source, text.replaceAll("\r\n", "\n").trim());
  });
  const sections = shown.map((path) => `## \`${path}\`\n\n\`\`\`ts\n${texts.get(path) ?? ""}\n\`\`\`\n`);
  return `${head}\n${sections.join("\n")}`;
}

const head = `# The API of the plugin SDK

What a driver may import, as TypeScript declares it. [plugins.md](plugins.md) explains it. This page is written by
\`make api\`, and CI compares it: a change here is a change for everybody who has written a driver.
`;

if (import.meta.main) {
  const report = sdkReport();
  const before = await readFile(reportPath, "utf8").catch(() => "");
  await writeFile(reportPath, report);
  process.stdout.write(
    before === report
      ? "docs/sdk-api.md is as it was\n"
      : "docs/sdk-api.md has changed: read the difference\n",
  );
}
