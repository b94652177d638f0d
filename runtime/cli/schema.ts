import { rename, writeFile } from "node:fs/promises";
import type { Command } from "commander";
import { addCommand, type Context } from "./context.ts";

export function addSchemaCommand(program: Command, context: Context): void {
  addCommand(program, {
    usage: "schema",
    summary: "write the JSON Schema of target files, for editors",
    description:
      "Prints the schema of target files with the options of all drivers. An editor with a YAML language server " +
      "uses it when the file begins with\n\n  # yaml-language-server: $schema=./node.schema.json",
    examples: ["umec schema --out node.schema.json", "umec schema | jq '.[\"$defs\"] | keys'"],
  })
    .option("--out <file>", "write it there instead of to standard output")
    .action(async ({ out }: { out?: string }) => {
      const [{ combinedSchema }, { drivers }] = await Promise.all([
        import("../target/combined-schema.ts"),
        import("../drivers.ts"),
      ]);
      const loaded = await Promise.all(drivers.names().map((name) => drivers.load(name)));
      const text = `${JSON.stringify(combinedSchema(loaded.map(({ manifest }) => manifest)), null, 2)}\n`;
      if (out === undefined) {
        context.stdout.write(text);
        return;
      }
      // An editor that reads it now sees the old schema or the new one.
      await writeFile(`${out}.new`, text);
      await rename(`${out}.new`, out);
    });
}
