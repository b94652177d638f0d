import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, credsAuthenticator } from "@nats-io/transport-node";
import { silentLog } from "../log.ts";
import { createScratch } from "../test-scratch.ts";
import {
  type AccountClaims,
  connectUser,
  createScopedUser,
  createUser,
  formatCredentials,
  Realm,
  scopedSigner,
} from "./claims.ts";
import { findNatsServer } from "./find-server.ts";
import { createKey } from "./keys.ts";
import { startNatsServer } from "./server-process.ts";

const scratch = createScratch();

test("users reach what their permissions and their scoped signing key say, and nothing else", async () => {
  const realm = new Realm("t", createKey("operator"), createKey("account"));
  const account = createKey("account");
  const signer = createKey("account");
  const scope = { pub: { allow: ["open"] }, sub: { allow: ["_INBOX_{{name()}}.>"] } };
  const claims: AccountClaims = {
    name: "A",
    key: account,
    signingKeys: [scopedSigner(signer, "guest", scope)],
  };
  const text = await realm.config([claims]);
  const { path } = await findNatsServer();
  const dir = await scratch();
  await using server = await startNatsServer({
    path,
    dir,
    name: "t",
    config: (ports) => `listen: "127.0.0.1:${ports.client}"\n${text}`,
    log: silentLog,
  });
  const host = await connectUser({
    url: server.url,
    credentials: await createUser(account, "host", {}),
    name: "host",
    inboxPrefix: "_INBOX",
  });
  host.subscribe("*", { callback: (_, message) => void message.respond("yes") });
  await host.flush();
  const credentials = await createScopedUser(account, signer, "g");
  const guest = await connectUser({ url: server.url, credentials, name: "g", inboxPrefix: "_INBOX_g" });
  assert.equal((await guest.request("open")).string(), "yes");
  await assert.rejects(guest.request("shut", undefined, { timeout: 200 }));
  await guest.close();

  const byFile = await connect({
    servers: server.url,
    authenticator: credsAuthenticator(formatCredentials(credentials)),
  });
  await Promise.all([byFile.close(), host.close()]);
});

test("the operator's JWT stays the same a second later, else nats-server would refuse each reload", async (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: 1_800_000_000_000 });
  const realm = new Realm("t", createKey("operator"), createKey("account"));
  const first = await realm.config([]);
  t.mock.timers.tick(5000);
  assert.equal(await realm.config([]), first);
});

test("claims that did not change keep their JWT", async () => {
  const realm = new Realm("t", createKey("operator"), createKey("account"));
  const a: AccountClaims = { name: "A", key: createKey("account") };
  const b: AccountClaims = { name: "B", key: createKey("account") };
  const line = (text: string, account: AccountClaims) =>
    text.split("\n").find((one) => one.includes(account.key.getPublicKey()));
  const first = await realm.config([a, b]);
  const changed = { ...b, limits: { leafLinks: 2 } };
  const second = await realm.config([a, changed]);
  assert.equal(line(first, a), line(second, a));
  assert.notEqual(line(first, b), line(second, b));
});
