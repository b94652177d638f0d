import assert from "node:assert/strict";
import { test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import Real from "typebox";
import * as ours from "./typebox.ts";

const both = [Real, ours as unknown as typeof Real] as const;

/** What hangs on a schema unseen is not compared. */
function same(make: (of: typeof Real) => unknown): void {
  const [theirs, own] = both.map(make);
  assert.equal(JSON.stringify(own), JSON.stringify(theirs));
}

test("each type gives TypeBox's JSON, key for key, alone and with options", () => {
  const options = { description: "d", default: 1, additionalProperties: false };
  for (const given of [undefined, options]) {
    for (const name of ["Boolean", "Integer", "Null", "Number", "String", "Unknown"] as const)
      same((Type) => Type[name](given));
    for (const value of ["a", 1, true]) same((Type) => Type.Literal(value, given));
    same((Type) => Type.Enum(["a", "b"], given));
    same((Type) => Type.Array(Type.String(), given));
    same((Type) => Type.Union([Type.Null(), Type.Literal(8)], given));
    same((Type) => Type.Record(Type.String(), Type.Integer(), given));
    same((Type) => Type.Record(Type.String({ pattern: "^[a-z]+$" }), Type.Integer(), given));
    same((Type) =>
      Type.Object({ a: Type.Integer(), b: Type.Optional(Type.Null()), c: Type.Unknown() }, given),
    );
    same((Type) => Type.Object({}, given));
    same((Type) => Type.Intersect([Type.Object({ a: Type.Null() }), Type.Object({ b: Type.Null() })], given));
    const whole = { a: "x", b: "y" };
    same((Type) =>
      Type.Partial(Type.Object({ a: Type.Null(), b: Type.Optional(Type.Null()) }, whole), given),
    );
  }
  same((Type) => Type.Unsafe<string>({ type: "string", enum: ["x"] }));
  same((Type) => Type.String({ type: "mine" }));
});

test("what is optional stays so in a copy that is unsafe or optional again, and not in one by spreading", () => {
  same((Type) => Type.Object({ a: Type.Optional(Type.Optional(Type.String())) }));
  same((Type) => Type.Object({ a: Type.Unsafe(Type.Optional(Type.String())) }));
  same((Type) => Type.Object({ a: { ...Type.Optional(Type.String()) } }));
  same((Type) => Type.Object({ a: Type.Optional(Type.Unsafe<string>({ type: "string" })), b: Type.Null() }));
});

test("what is partly there stays optional where it is put into another object", () => {
  same((Type) =>
    Type.Object({ ...Type.Partial(Type.Object({ a: Type.Null() })).properties, b: Type.Null() }),
  );
});

test("the schema that is made optional does not become so itself", () => {
  for (const Type of both) {
    const shared = Type.String();
    Type.Optional(shared);
    assert.deepEqual(JSON.parse(JSON.stringify(Type.Object({ shared }))).required, ["shared"]);
  }
});

test("ajv does not see the mark", () => {
  const schema = (ours as unknown as typeof Real).Object({ a: ours.Optional(ours.Integer()) as never });
  const validate = new Ajv2020({ strict: true }).compile(schema);
  assert.deepEqual([validate({}), validate({ a: 1 }), validate({ a: "x" })], [true, true, false]);
});

test("a record's key of another type is refused", () => {
  assert.throws(() => ours.Record(ours.Integer(), ours.Null()), /key can only be a string/);
});
