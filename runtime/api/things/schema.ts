/** Bodies of the things' routes, for their checks and the OpenAPI document. */
import Type from "typebox";

/** Any JSON value. */
export const anyValue = Type.Unknown({ description: "A JSON value." });

const affordances = (description: string) =>
  Type.Record(
    Type.String(),
    Type.Object({
      description: Type.Optional(Type.String()),
      forms: Type.Array(
        Type.Object({
          href: Type.String(),
          op: Type.Union([Type.String(), Type.Array(Type.String())]),
          contentType: Type.String(),
          subprotocol: Type.Optional(Type.String()),
        }),
        { minItems: 1 },
      ),
    }),
    { description },
  );

/** What is said here of a TD is what we promise beside the standard: every TD has all of it. */
export const tdSchema = Type.Object(
  {
    "@context": Type.Unknown(),
    id: Type.String({ format: "uri" }),
    title: Type.String({ description: "The plugin's name." }),
    description: Type.Optional(Type.String()),
    base: Type.String({ format: "uri" }),
    securityDefinitions: Type.Record(Type.String(), Type.Object({ scheme: Type.String() })),
    security: Type.Array(Type.String(), { minItems: 1 }),
    properties: affordances("Points that have readings, by name."),
    actions: affordances("Points that take commands, by name."),
    events: Type.Optional(affordances("Events, by name.")),
  },
  { description: "W3C Web of Things Thing Description 1.1." },
);

const page = {
  offset: Type.Optional(Type.Integer({ minimum: 0, description: "Things to pass over.", default: 0 })),
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 1000, description: "Things at most.", default: 100 }),
  ),
};

export const listQuery = Type.Object({
  ...page,
  format: Type.Optional(
    Type.String({
      enum: ["array", "collection"],
      description: "What the list looks like.",
      default: "array",
    }),
  ),
});

export const commandQuery = Type.Object({
  ttlMs: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 30_000,
      description: "In so many milliseconds it must be done.",
      default: 5_000,
    }),
  ),
});
