import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { Ajv2020, type Options } from "ajv/dist/2020.js";
import uri from "./uri.ts";

/** What it stands for, which only ajv brings. */
const fastUri = createRequire(import.meta.resolve("ajv"))("fast-uri") as { resolve: typeof uri.resolve };

/** RFC 3986, sections 5.4.1 and 5.4.2. */
const examples: Readonly<Record<string, string>> = {
  "g:h": "g:h",
  g: "http://a/b/c/g",
  "./g": "http://a/b/c/g",
  "g/": "http://a/b/c/g/",
  "/g": "http://a/g",
  "//g": "http://g",
  "?y": "http://a/b/c/d;p?y",
  "g?y": "http://a/b/c/g?y",
  "#s": "http://a/b/c/d;p?q#s",
  "g#s": "http://a/b/c/g#s",
  "g?y#s": "http://a/b/c/g?y#s",
  ";x": "http://a/b/c/;x",
  "g;x": "http://a/b/c/g;x",
  "g;x?y#s": "http://a/b/c/g;x?y#s",
  "": "http://a/b/c/d;p?q",
  ".": "http://a/b/c/",
  "./": "http://a/b/c/",
  "..": "http://a/b/",
  "../": "http://a/b/",
  "../g": "http://a/b/g",
  "../..": "http://a/",
  "../../": "http://a/",
  "../../g": "http://a/g",
  "../../../g": "http://a/g",
  "../../../../g": "http://a/g",
  "/./g": "http://a/g",
  "/../g": "http://a/g",
  "g.": "http://a/b/c/g.",
  ".g": "http://a/b/c/.g",
  "g..": "http://a/b/c/g..",
  "..g": "http://a/b/c/..g",
  "./../g": "http://a/b/g",
  "./g/.": "http://a/b/c/g/",
  "g/./h": "http://a/b/c/g/h",
  "g/../h": "http://a/b/c/h",
  "g;x=1/./y": "http://a/b/c/g;x=1/y",
  "g;x=1/../y": "http://a/b/c/y",
  "g?y/./x": "http://a/b/c/g?y/./x",
  "g?y/../x": "http://a/b/c/g?y/../x",
  "g#s/./x": "http://a/b/c/g#s/./x",
  "g#s/../x": "http://a/b/c/g#s/../x",
  "http:g": "http:g",
};

for (const [reference, expected] of Object.entries(examples)) {
  test(`"${reference}" resolves to ${expected}`, () => {
    assert.equal(uri.resolve("http://a/b/c/d;p?q", reference), expected);
  });
}

test("what schemas have for bases resolves as with fast-uri", () => {
  const references = ["", "#", "#/$defs/a", "#anchor", "other", "other#/x", "https://b/c#d", "/root"];
  for (const base of ["", "#", "umec:node", "https://a/b/c", "https://a/b/c#d", "plain", "urn:x:y"])
    for (const reference of references) {
      // Of names in one scheme, as urn:x:y, fast-uri makes paths that nobody can mean.
      if (base.includes(":") && !base.includes("/") && /^(other|\/root)/.test(reference)) continue;
      assert.equal(
        uri.resolve(base, reference),
        fastUri.resolve(base, reference),
        `${base} and ${reference}`,
      );
    }
});

test("references to definitions, anchors and other schemas lead ajv to the same schema", () => {
  const schema = {
    $id: "https://umec.test/schemas/list",
    $defs: {
      "a b": { type: "integer" },
      "ä~/%": { minimum: 3 },
      named: { $anchor: "named", maximum: 5 },
      own: { $id: "own", $defs: { x: { multipleOf: 2 } }, allOf: [{ $ref: "#/$defs/x" }] },
    },
    type: "array",
    items: {
      allOf: [
        { $ref: "#/$defs/a%20b" },
        { $ref: "#/$defs/%C3%A4~0~1%25" },
        { $ref: "#named" },
        { $ref: "own" },
        { $ref: "./elsewhere#/$defs/not" },
      ],
    },
  };
  const elsewhere = { $id: "https://umec.test/schemas/elsewhere", $defs: { not: { not: { const: 4 } } } };
  const results = [undefined, uri].map((uriResolver) => {
    const options = { allErrors: true, strict: false, ...(uriResolver && { uriResolver }) };
    const ajv = new Ajv2020(options as unknown as Options).addSchema(elsewhere);
    const validate = ajv.compile(schema);
    return [[], [4], [2], [6], [3], ["x"]].map((value) => {
      validate(value);
      return validate.errors?.map(({ instancePath, keyword, params }) => ({ instancePath, keyword, params }));
    });
  });
  assert.deepEqual(results[1], results[0]);
  assert.deepEqual(
    results[1]!.map((errors) => errors?.map(({ keyword }) => keyword)),
    [undefined, ["not"], ["minimum"], ["maximum"], ["multipleOf"], ["type"]],
  );
});
