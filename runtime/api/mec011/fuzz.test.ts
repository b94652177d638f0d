import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createScratch } from "../../test-scratch.ts";
import { fuzz } from "./test-fuzz.ts";
import { camera, startApi, weather } from "./test-mec011.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

function heapBytes(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

const scratch = createScratch();
const requests = Number(process.env.UMEC_FUZZ_REQUESTS ?? 2_000);
const seed = Number(process.env.UMEC_FUZZ_SEED ?? 11);

test(`of ${requests} odd requests none is a defect, and what is kept stays within its bounds`, async (context) => {
  const limits = { services: 5, subscriptions: 4, guests: 3 };
  const api = await startApi(context, { directory: await scratch(), limits });
  const statuses = new Map<number, number>();
  let asked = 0;
  let halfBytes = 0;
  await fuzz({
    ...{ url: api.url, families: api.mec.families, requests, seed },
    tokens: [...Array(8).fill("weather"), ...Array(4).fill("person"), "camera", "nobody", "stranger"],
    ids: { appInstanceId: [weather, weather, camera], dnsRuleId: ["d1"], trafficRuleId: ["t1", "t2"] },
    onAnswer({ request, status, body }) {
      if (++asked === Math.floor(requests / 2)) halfBytes = heapBytes();
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      assert.ok(status < 500, `${request.slice(0, 2_000)}: ${status} ${body}`);
      if (status >= 400) assert.equal((JSON.parse(body) as { status: number }).status, status);
    },
  });
  for (const wanted of [200, 201, 204, 400, 401, 403, 404, 409])
    assert.ok(statuses.has(wanted), `no ${wanted} in ${JSON.stringify([...statuses])}`);
  const grownBytes = heapBytes() - halfBytes;
  console.log(
    `heap: ${(grownBytes / 1024).toFixed(0)} KiB more after the second half of ${requests} requests`,
  );
  assert.ok(grownBytes < 2 * 1024 * 1024, `${grownBytes} bytes`);
  const { body } = await api.call("GET", "/mec_service_mgmt/v1/services");
  const most = limits.services * (2 + limits.guests);
  assert.ok((body as unknown[]).length <= most, `${(body as unknown[]).length} services`);
});
