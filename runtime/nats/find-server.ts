/**
 * Finds a nats-server that is new enough.
 *
 * The places, in this order: the file that `UMEC_NATS_SERVER` names, the `PATH`, and the cache that
 * `bundle/nats-server.sh` fills. A file that was named must fit, else that is an error; one that is merely
 * found on the `PATH` is passed over when it is too old, and the reason is told if nothing else fits either.
 */
import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { promisify } from "node:util";
import { messageOf, UmecError } from "../errors.ts";

/** Older lines lack fixes and settings that leaf links need: `ignore_discovered_servers`, remotes by reload. */
export const oldestVersion = "2.14.0";

const hint =
  "run `make setup`, or put nats-server >= 2.14 on the PATH or its file name into UMEC_NATS_SERVER; " +
  "the packages of Debian bookworm and trixie are too old for leaf links";

export interface FindNatsServerOptions {
  /** @default process.env */
  env?: Readonly<Record<string, string | undefined>>;
  /** Folder with `<architecture>/nats-server`. @default `${XDG_CACHE_HOME:-~/.cache}/umec/nats-server` */
  cacheDir?: string;
}

export interface FoundNatsServer {
  path: string;
  /** As `2.15.1`. */
  version: string;
}

/**
 * The path of the first nats-server that fits. The one of these scripts' own bundle, which lies beside them, is not asked for
 * its version: it was chosen with them, and a small board need not start it twice.
 *
 * @throws as `findNatsServer`
 */
export async function findNatsServerPath(
  options: FindNatsServerOptions & { scripts?: string } = {},
): Promise<string> {
  const { env = process.env, scripts = import.meta.dirname } = options;
  const named = env.UMEC_NATS_SERVER;
  if (named && resolve(named) === join(scripts, "nats-server") && (await isExecutable(named))) return named;
  return (await findNatsServer(options)).path;
}

/**
 * The first nats-server that fits.
 *
 * @throws UmecError `NATS_SERVER_MISSING` when there is none, `NATS_SERVER_TOO_OLD` when all are too old.
 */
export async function findNatsServer(options: FindNatsServerOptions = {}): Promise<FoundNatsServer> {
  const env = options.env ?? process.env;
  const named = env.UMEC_NATS_SERVER;
  if (named) return requireFit(named);

  const cacheDir = options.cacheDir ?? join(cacheHome(env), "umec", "nats-server");
  const cached = join(cacheDir, debianArchitecture(), "nats-server");
  const onPath = (env.PATH ?? "").split(delimiter).filter((dir) => dir !== "");
  const passedOver: string[] = [];
  for (const path of [...onPath.map((dir) => join(dir, "nats-server")), cached]) {
    if (!(await isExecutable(path))) continue;
    const version = await versionOf(path).catch((error: unknown) => {
      passedOver.push(`${path} does not run (${messageOf(error)})`);
      return undefined;
    });
    if (version === undefined) continue;
    if (isAtLeast(version, oldestVersion)) return { path, version };
    passedOver.push(`${path} is ${version}`);
  }
  if (passedOver.length > 0) {
    const reasons = passedOver.join(", ");
    throw new UmecError("NATS_SERVER_TOO_OLD", `no nats-server >= ${oldestVersion}: ${reasons}`, { hint });
  }
  throw new UmecError("NATS_SERVER_MISSING", `no nats-server on the PATH nor at ${cached}`, { hint });
}

async function requireFit(path: string): Promise<FoundNatsServer> {
  const version = await versionOf(path).catch((cause: unknown) => {
    const message = `UMEC_NATS_SERVER names ${path}, which does not run: ${messageOf(cause)}`;
    throw new UmecError("NATS_SERVER_MISSING", message, { cause, hint });
  });
  if (isAtLeast(version, oldestVersion)) return { path, version };
  const message = `UMEC_NATS_SERVER names ${path}, which is ${version}; ${oldestVersion} is the oldest that fits`;
  throw new UmecError("NATS_SERVER_TOO_OLD", message, { hint });
}

async function versionOf(path: string): Promise<string> {
  const { stdout } = await promisify(execFile)(path, ["--version"], { timeout: 10_000 });
  const version = /v(\d+\.\d+\.\d+)/.exec(stdout)?.[1];
  if (version === undefined) throw new Error(`it says ${JSON.stringify(stdout.slice(0, 80))} for --version`);
  return version;
}

function isAtLeast(version: string, oldest: string): boolean {
  const [a, b] = [version, oldest].map((text) => text.split(".").map(Number));
  const at = a!.findIndex((part, index) => part !== b![index]);
  return at < 0 || a![at]! > b![at]!;
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

function cacheHome(env: Readonly<Record<string, string | undefined>>): string {
  return env.XDG_CACHE_HOME || join(env.HOME || homedir(), ".cache");
}

function debianArchitecture(): string {
  return process.arch === "x64" ? "amd64" : process.arch;
}
