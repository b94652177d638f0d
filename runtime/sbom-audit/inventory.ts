/**
 * What is shipped, from the files that lie beside it in `dist/`:
 *
 * - a bundle's `sbom.cdx.json` (CycloneDX 1.6): Node.js, nats-server, SQLite, npm's packages;
 * - an image's `<name>.packages.txt`: Debian's packages in the root slot, a line each of name, version, SHA-256, and the
 *   source package with its version, as that is what the tracker knows;
 * - its `<name>.json`: the kernel, the initramfs, a board's firmware.
 *
 * A list of an older image lacks the source packages: then each is looked for by its own name.
 */
import { readdir, readFile, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { messageOf, UmecError } from "../errors.ts";
import type { Part } from "./types.ts";

interface Sbom {
  bomFormat?: string;
  components?: { name?: string; version?: string; purl?: string }[];
}

interface ImageAbout {
  kernel?: { version?: string; package?: string };
  initramfs?: { busybox?: string };
  firmware?: Record<string, string>;
}

const sbomName = "sbom.cdx.json";
const imageFile = /\.(?:packages\.txt|json|img|img\.zst|img\.bmap|img\.sha256)$/;

export interface InventoryOptions {
  /** Debian's release that the image is made of. */
  suite: string;
}

/** What all these files and folders name, each once. Throws `SBOM_INPUT` for what is neither of them. */
export async function readInventory(
  paths: readonly string[],
  { suite }: InventoryOptions,
): Promise<{ parts: Part[]; files: string[] }> {
  const files = new Set((await Promise.all(paths.map(filesAt))).flat());
  const found = new Map<string, Part>();
  for (const file of files) {
    for (const part of await partsOf(file, suite)) {
      const key = [part.ecosystem, part.name, part.version, part.suite ?? ""].join(" ");
      const before = found.get(key);
      const join = (one: readonly string[], other: readonly string[]) => [...new Set([...one, ...other])];
      found.set(key, {
        ...part,
        includes: join(before?.includes ?? [], part.includes),
        from: join(before?.from ?? [], part.from),
      });
    }
  }
  return { parts: [...found.values()], files: [...files] };
}

async function filesAt(path: string): Promise<string[]> {
  const about = await stat(path).catch((cause: unknown) => {
    throw unfit(`${path}: ${messageOf(cause)}`, cause);
  });
  if (!about.isDirectory()) {
    if (basename(path).endsWith(".cdx.json")) return [path];
    if (imageFile.test(path)) return imageFiles(path.replace(imageFile, ""));
    throw unfit(`${path} is neither an SBOM nor of an image`);
  }
  const names = (await readdir(path)).toSorted();
  if (names.includes(sbomName)) return [join(path, sbomName)];
  const all: string[] = [];
  for (const name of names) {
    if (name.endsWith(".packages.txt"))
      all.push(...(await imageFiles(join(path, name.replace(imageFile, "")))));
    const inside = join(path, name, sbomName);
    if (await exists(inside)) all.push(inside);
  }
  if (all.length === 0) throw unfit(`there is neither an SBOM nor an image in ${path}`);
  return all;
}

async function imageFiles(stem: string): Promise<string[]> {
  const files = [`${stem}.packages.txt`, `${stem}.json`];
  for (const file of files) if (!(await exists(file))) throw unfit(`${file} is missing`);
  return files;
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

async function partsOf(file: string, suite: string): Promise<Part[]> {
  const text = await readFile(file, "utf8");
  if (file.endsWith(".packages.txt")) return packagesOf(text, file, suite);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw unfit(`${file}: ${messageOf(cause)}`, cause);
  }
  return file.endsWith(".cdx.json")
    ? componentsOf(value as Sbom, file)
    : imageParts(value as ImageAbout, file, suite);
}

function packagesOf(text: string, file: string, suite: string): Part[] {
  return text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => {
      const [name, version, sha256, source = name, sourceVersion = withoutBuild(version ?? "")] =
        line.split(/\s+/);
      if (!name || !version || !/^[0-9a-f]{64}$/.test(sha256 ?? ""))
        throw unfit(
          `${file}: ${JSON.stringify(line.slice(0, 80))} is no package with its version and SHA-256`,
        );
      return debian({ name: source!, version: sourceVersion, suite, includes: [name], file });
    });
}

/** Of a binary package that was built again (`+b9`) the source's. */
function withoutBuild(version: string): string {
  return version.replace(/\+b\d+$/, "");
}

interface DebianPart extends Pick<Part, "name" | "version" | "suite" | "includes" | "compare"> {
  file: string;
}

function debian({ file, ...part }: DebianPart): Part {
  return { ecosystem: "debian", ...part, from: [file] };
}

function componentsOf({ bomFormat, components }: Sbom, file: string): Part[] {
  if (bomFormat !== "CycloneDX" || !Array.isArray(components)) throw unfit(`${file} is no SBOM of CycloneDX`);
  return components.map(({ name = "?", version = "", purl = "" }) => {
    const [, type, path = "", said = version, query = ""] =
      /^pkg:([a-z]+)\/([^@?#]+)@([^?#]+)(?:\?([^#]*))?/.exec(purl) ?? [];
    const full = decodeURIComponent(path);
    const release = decodeURIComponent(said);
    const common = { version: release, includes: [], from: [file] };
    if (type === "npm" && /^node-linux-/.test(full)) return { ecosystem: "node", name: "node", ...common };
    if (type === "npm") return { ecosystem: "npm", name: full, ...common };
    if (type === "deb") {
      const suite = new URLSearchParams(query).get("distro") ?? "sid";
      return debian({
        name: full.split("/").at(-1)!,
        version: withoutBuild(release),
        suite,
        includes: [],
        file,
      });
    }
    const source = sources[full];
    if (type === "generic" && source !== undefined)
      return debian({
        name: source,
        version: release,
        suite: "sid",
        compare: "upstream",
        includes: [full],
        file,
      });
    return { ecosystem: "none", name, ...common };
  });
}

/** Not from Debian, but in its tracker: by the name of the source package there. */
const sources: Readonly<Record<string, string>> = { sqlite: "sqlite3" };

function imageParts({ kernel, initramfs, firmware = {} }: ImageAbout, file: string, suite: string): Part[] {
  const parts: Part[] = [];
  if (kernel?.package)
    parts.push(debian({ name: "linux", version: kernel.package, suite, includes: ["kernel"], file }));
  else if (kernel?.version) {
    const version = kernel.version;
    parts.push(debian({ name: "linux", version, compare: "upstream", suite, includes: ["kernel"], file }));
  }
  const busybox = initramfs?.busybox;
  if (busybox)
    parts.push(
      debian({ name: "busybox", version: withoutBuild(busybox), suite, includes: ["initramfs"], file }),
    );
  for (const [name, version] of Object.entries(firmware)) {
    const source = /^u-boot/.test(name) ? "u-boot" : name;
    parts.push(debian({ name: source, version: withoutBuild(version), suite, includes: [name], file }));
  }
  return parts;
}

function unfit(problem: string, cause?: unknown): UmecError {
  const hint = `name dist/, a bundle in it, its ${sbomName}, or an image: umec audit dist`;
  return new UmecError("SBOM_INPUT", problem, { hint, cause });
}

/** `dist/x.json` as people call it: without the folder they are in. */
export function shortName(file: string): string {
  return basename(file) === sbomName ? join(basename(dirname(file)), sbomName) : basename(file);
}
