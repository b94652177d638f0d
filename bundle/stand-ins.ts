/**
 * Modules of npm packages that the bundle replaces, because Node.js has the same built in, or because nothing in
 * µMEC ever calls them: bindings of other systems, logs through worker threads, transports of browsers.
 *
 * What can't be called any more says so when it is called; it does not just lack. The source tree, and so most
 * tests, run the packages as they are: each file of `stand-ins/` has a test that compares it with what it stands for,
 * and the bundle's own tests run the rest. A path that no build meets fails the build: the package has moved on, and
 * the row has to follow.
 */
export interface StandIn {
  /** The module, below `node_modules`. */
  path: string;
  /** What takes its place: text in CommonJS, or a file of `bundle/stand-ins/` with a default export. */
  by: { source: string } | { file: string };
}

/** An export that throws, with the place to look at. */
const absent = (name: string) =>
  `function () { throw new Error("${name} is not in the bundle: see bundle/stand-ins.ts"); }`;

export const standIns: readonly StandIn[] = [
  // Node.js has these.
  { path: "tweetnacl/nacl-fast.js", by: { file: "ed25519.ts" } },
  { path: "js-sha256/src/sha256.js", by: { file: "sha256.ts" } },
  { path: "fast-uri/index.js", by: { file: "uri.ts" } },
  {
    path: "@serialport/bindings-cpp/node_modules/debug/src/index.js",
    by: { source: 'module.exports = require("node:util").debuglog;' },
  },
  { path: "fast-copy/dist/cjs/index.cjs", by: { source: "exports.createCopier = () => structuredClone;" } },

  // Keys for sealing, which need what `ed25519.ts` leaves out.
  {
    path: "@nats-io/nkeys/lib/curve.js",
    by: {
      source: `exports.curveKeyLen = 32; exports.curveNonceLen = 24; exports.CurveKP = ${absent("CurveKP")};`,
    },
  },
  {
    path: "@nats-io/nats-core/lib/bench.js",
    by: { source: `exports.Bench = exports.Metric = ${absent("Bench")};` },
  },
  {
    path: "@nats-io/nats-core/lib/ws_transport.js",
    by: { source: `exports.wsconnect = exports.wsUrlParseFn = ${absent("wsconnect")};` },
  },

  // Our schemas are not compared with the standard's at run time, and we define no tables or sums in SQL.
  {
    path: "ajv/dist/refs/json-schema-2020-12/index.js",
    by: { source: `exports.default = ${absent("meta")};` },
  },
  {
    path: "ajv/dist/vocabularies/discriminator/index.js",
    by: { source: `exports.default = ${absent("discriminator")};` },
  },
  { path: "better-sqlite3/lib/methods/table.js", by: { source: `module.exports = ${absent("table")};` } },
  {
    path: "better-sqlite3/lib/methods/aggregate.js",
    by: { source: `module.exports = ${absent("aggregate")};` },
  },

  // A port's binding is all that our drivers use; the streams, the parsers and the other systems are not.
  {
    path: "serialport/dist/index.js",
    by: {
      source: `const { LinuxBinding } = require("@serialport/bindings-cpp/dist/linux.js");
        exports.SerialPort = { binding: LinuxBinding, list: LinuxBinding.list };`,
    },
  },

  // The log's lines are one string each, without colours, written by the process itself. They hide nothing, and an
  // error among their fields is a text already.
  { path: "pino/lib/transport.js", by: { source: `module.exports = ${absent("transport")};` } },
  { path: "pino/lib/multistream.js", by: { source: `module.exports = ${absent("multistream")};` } },
  { path: "pino/lib/redaction.js", by: { source: `module.exports = ${absent("redact")};` } },
  { path: "sonic-boom/index.js", by: { source: `module.exports = ${absent("sonic-boom")};` } },
  {
    path: "pino-pretty/lib/utils/build-safe-sonic-boom.js",
    by: { source: `module.exports = ${absent("sonic-boom")};` },
  },
  { path: "pino-abstract-transport/index.js", by: { source: `module.exports = ${absent("a transport")};` } },
  {
    path: "pino-std-serializers/index.js",
    by: {
      source: `const same = (value) => value;
        Object.assign(exports, { err: same, errWithCause: same, req: same, res: same });
        exports.mapHttpRequest = (req) => ({ req });
        exports.mapHttpResponse = (res) => ({ res });`,
    },
  },
  {
    path: "fast-safe-stringify/index.js",
    by: { source: `module.exports = ${absent("hideObject: false")};` },
  },
  {
    path: "colorette/index.cjs",
    by: { source: "exports.isColorSupported = false; exports.createColors = () => ({});" },
  },
  { path: "dateformat/lib/dateformat.js", by: { file: "dateformat.ts" } },
  { path: "pump/index.js", by: { source: `module.exports = ${absent("pump")};` } },
];
