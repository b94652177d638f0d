/** The OpenAPI documents that a node serves, beside ETSI's lists of operations. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "../log.ts";
import { createScratch } from "../test-scratch.ts";
import { startApi } from "./api.ts";
import mec011 from "./mec011/fixtures/operations.json" with { type: "json" };
import { etsiOperations } from "./mec033/test-etsi-operations.ts";
import { createTestApiNode } from "./test-api-node.ts";
import { testClock } from "./tokens/test-tokens.ts";

const scratch = createScratch();

/** ETSI writes a word where the platform hands out a URI. */
const placeholder = "/resource_uri_allocated_by_MEC_platform";
const liveness = "/services/{serviceId}/liveness";

/** By root: what ETSI lists, as `GET /path`, with its name and statuses. */
const etsi: Record<string, { on: string; operationId: string; statuses: readonly number[] }[]> = {
  "/mec_app_support/v1": ofMec011("mec_app_support"),
  "/mec_app_support/v2": ofMec011("mec_app_support"),
  "/mec_service_mgmt/v1": ofMec011("mec_service_mgmt"),
  "/iots/v1": Object.entries(etsiOperations).map(([operationId, one]) => ({ operationId, ...one })),
};

function ofMec011(name: string) {
  return mec011.operations
    .filter(({ api }) => api === name)
    .map(({ method, path, operationId, codes }) => ({
      on: `${method} ${path.replace(placeholder, liveness)}`,
      operationId,
      statuses: codes,
    }));
}

interface Document {
  paths: Record<string, Record<string, { operationId: string; responses: Record<string, unknown> }>>;
}

test("the documents have ETSI's operations by their names, with the statuses that it lists, and no others", async (t) => {
  const clock = { ...testClock(), nowMs: Date.now, monotonicMs: () => performance.now() };
  const api = await startApi({
    ...{ host: "127.0.0.1", port: 0, dir: await scratch(), node: createTestApiNode(), clock },
    ...{ requestsPerS: 1000, apps: () => [], issuers: () => [], log: silentLog },
  });
  t.after(() => api.stop());
  for (const [root, listed] of Object.entries(etsi)) {
    const { paths } = (await (await fetch(`${api.localUrl}${root}/openapi.json`)).json()) as Document;
    const served = new Map<string, { operationId: string; responses: Record<string, unknown> }>();
    for (const [path, methods] of Object.entries(paths))
      for (const [method, operation] of Object.entries(methods))
        if (operation.operationId) served.set(`${method.toUpperCase()} ${path}`, operation);
    assert.ok(listed.length >= 10);
    for (const { on, operationId, statuses } of listed) {
      const operation = served.get(on);
      assert.ok(operation, `${root}: ${on} is not in the document`);
      assert.equal(operation.operationId, operationId);
      const missing = statuses.filter((status) => !(status in operation.responses));
      assert.deepEqual(missing, [], `${root}: ${on}`);
      served.delete(on);
    }
    assert.deepEqual([...served.keys()], [], root);
  }
});
