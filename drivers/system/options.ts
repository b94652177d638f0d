import { type Static, Type } from "typebox";

/** The groups in the order of the documentation. */
export const groupNames = [
  "cpu",
  "load",
  "memory",
  "pressure",
  "disk",
  "io",
  "flash",
  "temperature",
  "voltage",
  "network",
  "uptime",
  "clock",
] as const;
export type GroupName = (typeof groupNames)[number];

/** What an option is when it is left out. */
export const defaults = { intervalMs: 60_000, paths: { data: "/data" }, root: "/" };

const closed = { additionalProperties: false };

export const optionsSchema = Type.Object(
  {
    intervalMs: Type.Integer({
      description: "Time between two samples, in milliseconds.",
      minimum: 1000,
      maximum: 86_400_000,
      default: defaults.intervalMs,
    }),
    groups: Type.Array(Type.Unsafe<GroupName>({ type: "string", enum: [...groupNames] }), {
      description: "What is told.",
      minItems: 1,
      uniqueItems: true,
      default: [...groupNames],
    }),
    paths: Type.Record(
      Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9_-]*$" }),
      Type.String({ pattern: "^/" }),
      {
        ...closed,
        description: "disk: a path of each file system, by the name that it gets.",
        default: { ...defaults.paths },
      },
    ),
    interfaces: Type.Optional(
      Type.Array(Type.String({ pattern: "^[^/\\s]{1,15}$" }), {
        description: "network: names of the interfaces. Left out: all that are hardware.",
        uniqueItems: true,
      }),
    ),
    root: Type.String({
      pattern: "^/",
      description: "Folder in which proc and sys are, for containers that see the host's at another place.",
      default: defaults.root,
    }),
  },
  closed,
);
export type SystemOptions = Static<typeof optionsSchema>;
