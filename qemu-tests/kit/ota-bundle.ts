import { once } from "node:events";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { ensureBundle } from "../../image/bundle-step.ts";
import { makeBundle } from "../../image/ota/bundle.ts";
import { signerFrom } from "../../image/ota/signer.ts";
import { collectParts } from "../../image/parts.ts";
import { createSteps } from "../../image/steps.ts";
import type { MachineName } from "./devices/types.ts";
import { machines } from "./machines/index.ts";
import type { Network } from "./network.ts";

export interface OtaBundleOptions {
  machine: MachineName;
  /** Semantic. */
  version: string;
  /** Where it appears. */
  outDir: string;
  /** Folder whose files are laid over the root slot's. @default none */
  overlay?: string;
}

/** An update with what the clone's image has in it, signed so that the image believes it; gives the bundle's path. */
export async function otaBundle({ machine, version, outDir, overlay }: OtaBundleOptions): Promise<string> {
  const steps = createSteps(() => {});
  const onMessage = () => {};
  await ensureBundle();
  const parts = await collectParts(steps, { onMessage, overlay });
  const { board } = machines[machine];
  const signer = await signerFrom({});
  return (await makeBundle({ board, parts, version, signer, steps, outDir, onMessage })).path;
}

/** Serves a file to the board by HTTP, also in ranges, until it is disposed of; `url` is what the guest asks for. */
export async function serveFile(network: Network, path: string): Promise<AsyncDisposable & { url: string }> {
  const { size } = await stat(path);
  const server = createServer(({ method, headers }, response) => {
    const range = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? "");
    const start = Number(range?.[1] ?? 0);
    const end = Number(range?.[2] || size - 1);
    response.writeHead(range ? 206 : 200, {
      ...{ "accept-ranges": "bytes", "content-length": end - start + 1 },
      ...(range && { "content-range": `bytes ${start}-${end}/${size}` }),
    });
    if (method === "HEAD") response.end();
    else createReadStream(path, { start, end }).pipe(response);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const there = await network.open(() => ({ host: "127.0.0.1", port }));
  return {
    url: `http://${there.host}:${there.port}/`,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}
