// Who may import whom. docs/architecture.md draws the same rules; change both together.
const parts =
  "bus|outbox|link|identity|enrol|update|api|apps|hub|target|commission|flash|objects|alarms|people|documents";
/** A card is judged by the check of the target state that comes of it. */
const alsoSees = { commission: "target" };

/** A part may reach into itself and into the shared words; another part only through `node.ts` and `cli/`. */
const isolated = parts.split("|").map((part) => ({
  name: `${part}-stands-alone`,
  comment: "runtime parts do not import each other: runtime/node.ts wires them (types.ts files are shared).",
  severity: "error",
  from: { path: `^runtime/${part}/`, pathNot: "[.]test[.]ts$" },
  to: {
    path: `^runtime/(${parts}|cli|plugin)/`,
    pathNot: `^runtime/(${part}/|${alsoSees[part] ?? part}/|[^/]+/types[.]ts$|plugin/contract[.]ts$)`,
  },
}));

module.exports = {
  forbidden: [
    ...isolated,
    {
      name: "drivers-use-the-sdk-only",
      comment:
        "A driver sees runtime/plugin/sdk.ts and nothing else of the runtime; its tests also see the test kit.",
      severity: "error",
      from: { path: "^drivers/" },
      to: {
        path: "^(runtime|bundle|image|bench|qemu-tests)/",
        pathNot: "^runtime/plugin/(sdk|testkit)[.]ts$",
      },
    },
    {
      name: "drivers-do-not-know-each-other",
      severity: "error",
      from: { path: "^drivers/([^/]+)/" },
      to: { path: "^drivers/", pathNot: "^drivers/($1|common)/" },
    },
    {
      name: "runtime-does-not-know-drivers",
      comment: "Only the registry of lazy imports, the demo and tests name a driver.",
      severity: "error",
      from: { path: "^runtime/", pathNot: "^runtime/(drivers[.]ts|demo/)|[.]test[.]ts$" },
      to: { path: "^drivers/" },
    },
    {
      name: "sdk-stands-alone",
      comment: "The test kit judges commands by the node's own gate.",
      severity: "error",
      from: { path: "^runtime/plugin/", pathNot: "[.]test[.]ts$|/testkit[.]ts$" },
      to: { path: "^runtime/", pathNot: "^runtime/(plugin|senml)/|^runtime/[a-z-]+[.]ts$" },
    },
    {
      name: "no-tests-in-production",
      severity: "error",
      from: { pathNot: "[.]test[.]ts$|^bench/|^qemu-tests/" },
      to: { path: "[.]test[.]ts$" },
    },
    {
      name: "no-cycles",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    { name: "no-orphan-dependency", severity: "error", from: {}, to: { couldNotResolve: true } },
    {
      name: "no-dev-dependency-in-the-product",
      severity: "error",
      from: { path: "^(runtime|drivers)/", pathNot: "[.]test[.]ts$|^runtime/torture/" },
      to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["type-only"], pathNot: "@types/" },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    doNotFollow: { path: "node_modules" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "require", "node", "default", "types"],
    },
  },
};
