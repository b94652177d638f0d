/** The API alone: `umec api serve`. */
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import Type from "typebox";
import { startApi } from "../api/api.ts";
import { createFixtureNode, fixturePluginsSchema } from "../api/fixture-node.ts";
import { type Fixture, fixtureApps, fixtureSchema } from "../api/mec011/fixture.ts";
import { mec033FixtureSchema } from "../api/mec033/fixture.ts";
import { nodeCertificate } from "../api/tokens/certificate.ts";
import { userPrincipal } from "../api/tokens/principals.ts";
import { makeGate } from "../commands/gate.ts";
import { messageOf, UmecError } from "../errors.ts";
import type { Point } from "../plugin/contract.ts";
import { findProblems } from "../target/find-problems.ts";
import type { Context } from "./context.ts";
import { createLog } from "./log.ts";

export interface ApiServeOptions {
  fixture?: string;
  listen: string;
  plain?: true;
  open?: true;
  iotRoot?: string;
  data?: string;
  name: string;
  json?: true;
}

const contentsSchema = Type.Object(
  {
    apps: Type.Optional(fixtureSchema.properties.apps),
    ...mec033FixtureSchema.properties,
    plugins: Type.Optional(fixturePluginsSchema),
  },
  { additionalProperties: false },
);
type Contents = Type.Static<typeof contentsSchema>;

/** A suite asks as fast as it can. */
const requestsPerS = 100_000;

export async function serveFixture(options: ApiServeOptions, context: Context): Promise<void> {
  const { stdout, stderr, signal } = context;
  const { host, port } = addressOf(options.listen);
  const isLocal = /^(localhost|127\.[0-9.]+|::1)$/.test(host);
  for (const option of ["plain", "open"] as const) {
    if (!options[option] || isLocal) continue;
    throw new UmecError("CLI_USAGE", `--${option} is for loopback only, and ${host} is not`, {
      hint: "listen on 127.0.0.1, and forward the port if another machine must reach it",
    });
  }
  const { apps = [], devices, platforms, plugins = [] } = await readFixture(options.fixture);
  const mec011: Fixture = { apps };
  const log = createLog({ level: "warn", destination: stderr });
  const dir = options.data === undefined ? await mkdtemp(join(tmpdir(), "umec-api-")) : resolve(options.data);
  const certificate = {
    dir,
    name: options.name,
    hosts: ["localhost", "127.0.0.1", host],
    nowMs: Date.now(),
    log,
  };
  const tls = options.plain ? undefined : await nodeCertificate(certificate);
  const targets = fixtureApps(mec011);
  const gate = (points: readonly object[]) => makeGate(points as readonly Point[]);
  const api = await startApi({
    ...{ host, port, dir, requestsPerS, log },
    ...(tls && { tls }),
    node: createFixtureNode(options.name, plugins, (plugin, point, value) =>
      gate(plugin.points).check(point, value, []),
    ),
    apps: () => targets,
    issuers: () => [],
    clock: { nowMs: Date.now, monotonicMs: () => performance.now(), known: () => true },
    iotRoots: options.iotRoot === undefined ? [] : [options.iotRoot],
    ...(options.open && { everybody: userPrincipal("everybody", "owner") }),
  });
  try {
    await api.seed({ mec011, mec033: { ...(devices && { devices }), ...(platforms && { platforms }) } });
    if (options.open)
      stderr.write("umec: ANYBODY WHO REACHES THIS PORT MAY DO EVERYTHING: it asks for no token (--open)\n");
    const ready = options.json
      ? JSON.stringify({ url: api.localUrl, pid: process.pid })
      : `the API is at ${api.localUrl}, its page at ${api.localUrl}/api; Ctrl-C ends it` +
        (tls ? `\nits certificate: ${join(dir, "tls-cert.pem")}` : "");
    stdout.write(`${ready}\n`);
    if (!signal.aborted) await once(signal, "abort");
  } finally {
    await api.stop();
    if (options.data === undefined) await rm(dir, { recursive: true, force: true });
  }
}

async function readFixture(path: string | undefined): Promise<Contents> {
  if (path === undefined) return {};
  let contents: unknown;
  try {
    contents = JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    throw new UmecError("API_FIXTURE", `the fixture ${path} can't be read: ${messageOf(cause)}`, { cause });
  }
  const problems = await findProblems(contentsSchema, contents);
  if (problems.length === 0) return contents as Contents;
  const text = problems
    .slice(0, 5)
    .map(({ pointer, reason }) => `${pointer || "/"}: ${reason}`)
    .join("; ");
  throw new UmecError("API_FIXTURE", `the fixture ${path} has errors: ${text}`);
}

function addressOf(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]]+)):([0-9]{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match && port <= 65_535) return { host: (match[1] ?? match[2])!, port };
  throw new UmecError("CLI_USAGE", `${JSON.stringify(text)} is no address`, {
    hint: "such as 127.0.0.1:8443",
  });
}
