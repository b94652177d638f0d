import manifest from "../package.json" with { type: "json" };

/** µMEC's version, of the whole product. */
export const version: string = manifest.version;
