/**
 * The list of what is inside, as CycloneDX 1.6 (ECMA-424).
 *
 * The same content gives the same bytes: there is no time and no serial number in it, and both are optional. A
 * package's SHA-512 is that of its npm tar file, so it can be compared with the registry; a file's SHA-256 is
 * that of the file as it lies in the bundle.
 */
import type { Component } from "./contents.ts";

export interface SbomOptions {
  version: string;
  components: readonly Component[];
  /** SHA-256 in hex by path in the bundle. */
  sha256: ReadonlyMap<string, string>;
}

export function writeSbom({ version, components, sha256 }: SbomOptions): string {
  const own = `pkg:generic/umec@${version}`;
  const modules = [...sha256].filter(([path]) => path.endsWith(".mjs"));
  const sbom = {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      component: {
        type: "application",
        "bom-ref": own,
        name: "umec",
        version,
        purl: own,
        licenses: [{ license: { id: "Apache-2.0" } }],
        components: modules.map(([path, hash]) => fileComponent(path, hash)),
      },
    },
    components: components.map((component) => asComponent(component, sha256)),
    dependencies: [
      { ref: own, dependsOn: components.map(({ purl }) => purl) },
      ...components.map(({ purl }) => ({ ref: purl })),
    ],
  };
  return `${JSON.stringify(sbom, null, 2)}\n`;
}

function asComponent(component: Component, sha256: ReadonlyMap<string, string>): object {
  const { name: fullName, version, purl, cpe, licence, sha512, file } = component;
  const slash = fullName.indexOf("/");
  const fileHash = file === undefined ? undefined : sha256.get(file);
  return {
    type: "library",
    "bom-ref": purl,
    ...(slash > 0 && { group: fullName.slice(0, slash) }),
    name: fullName.slice(slash + 1),
    version,
    ...(sha512 !== undefined && { hashes: [{ alg: "SHA-512", content: sha512 }] }),
    licenses: [/\s/.test(licence) ? { expression: licence } : { license: { id: licence } }],
    ...(cpe !== undefined && { cpe }),
    purl,
    ...(file !== undefined &&
      fileHash !== undefined && { components: [fileComponent(file, fileHash, purl)] }),
  };
}

function fileComponent(name: string, content: string, owner?: string): object {
  const ref = owner === undefined ? name : `${owner}#${name}`;
  return { type: "file", "bom-ref": ref, name, hashes: [{ alg: "SHA-256", content }] };
}
