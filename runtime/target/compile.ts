import { Ajv2020 } from "ajv/dist/2020.js";

/**
 * What compiles the schemas that a node meets, for all errors at once. Unknown keywords and formats are let be, as a
 * driver's schema may carry annotations of its own.
 *
 * The schemas themselves are not checked here: tests do that for ours and the drivers' test kit for theirs, and at a
 * node's start it would take longer than all other checks together. Nor is what Ajv generates made smaller, which takes as
 * long as to generate it: each validator runs a few times.
 */
export function createCompiler(): Ajv2020 {
  const options = { allErrors: true, verbose: true, strict: false, logger: false } as const;
  return new Ajv2020({ ...options, meta: false, validateSchema: false, code: { optimize: false } });
}

/** What checks a schema that a person has typed into a target file, by `validateSchema`. */
export function createSchemaJudge(): Ajv2020 {
  return new Ajv2020({ strict: false, logger: false });
}
