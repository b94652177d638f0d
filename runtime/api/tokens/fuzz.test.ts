import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLog } from "../../log.ts";
import { createScratch } from "../../test-scratch.ts";
import { serveTestApi } from "../http/test-api.ts";
import { fuzzFamily } from "../http/test-fuzz.ts";
import { appTarget, secret, testClock } from "./test-tokens.ts";
import { createTokens } from "./tokens.ts";

const scratch = createScratch();

test("whatever the token endpoint is asked, it answers", async (t) => {
  const apps = [appTarget("board")];
  // As fast as the test asks, wrong secrets become possible again.
  const clock = testClock();
  Object.assign(clock, { monotonicMs: () => performance.now() * 1e6 });
  const dir = await scratch();
  const options = { dir, issuer: () => "https://lamp-0042:8443", apps: () => apps, issuers: () => [] };
  const tokens = await createTokens({ ...options, clock, log: silentLog });
  const { family } = tokens;
  const api = await serveTestApi([family], [], { authenticate: tokens.authenticate });
  t.after(() => api.stop());
  const right = { grant_type: "client_credentials", client_id: "board", client_secret: secret };
  const { statuses } = await fuzzFamily({
    url: api.url,
    family,
    headers: {},
    bodies: { OAuth2Token_POST: [right, { ...right, scope: "mec_iot" }] },
  });
  const { OAuth2Token_POST: given = {} } = statuses;
  assert.ok(given[200]! > 50 && given[400]! > 20 && given[401]! > 20, JSON.stringify(statuses));
});
