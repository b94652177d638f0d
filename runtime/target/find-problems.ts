import type { Problem } from "./finding.ts";
import { surelyFits } from "./fits.ts";

/** What is wrong with a value by a JSON Schema, in words; nothing when it fits. Rejects when the schema can't be used. */
export async function findProblems(schema: object, value: unknown): Promise<Problem[]> {
  if (surelyFits(schema, value)) return [];
  const [{ createCompiler }, { explain }] = await Promise.all([
    import("./compile.ts"),
    import("./explain.ts"),
  ]);
  const validate = createCompiler().compile(schema);
  return validate(value) ? [] : explain(validate.errors ?? []);
}
