import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { encodeAccount, encodeOperator } from "@nats-io/jwt";
import { createClaimsPublisher } from "../hub/claims-publisher.ts";
import { fleetAccount, nodeAccount } from "../hub/server-accounts.ts";
import { HubKeys } from "../hub/server-keys.ts";
import { startTestServer } from "../hub/test-hub.ts";
import { silentLog } from "../log.ts";
import { createUser, formatCredentials, Realm } from "../nats/claims.ts";
import { findNatsServer } from "../nats/find-server.ts";
import { createKey } from "../nats/keys.ts";
import { createScratch } from "../test-scratch.ts";
import { readCertificate, rotateCertificates } from "./authority.ts";
import { initHub } from "./init.ts";
import { parseSites } from "./parse-site.ts";
import { careForCertificates, provideCertificate, rotateHub } from "./rotate.ts";
import { layout } from "./setup.ts";
import { connectAs, startService, startSites } from "./test-site.ts";

const scratch = createScratch();

async function filesBelow(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
}

test("a server's folder is ready for nats-server, and no seed is in it; what is secret is its owner's alone", async () => {
  const dir = join(await scratch(), "hub");
  const servers = ["a.example.org", "b.example.org", "192.0.2.3"];
  const { sites } = await initHub({ dir, servers, hosts: ["hub.example.org"] });
  const { path } = await findNatsServer();
  for (const site of sites) {
    const cwd = join(dir, site.name);
    await promisify(execFile)(path, ["-t", "-c", `${site.name}.conf`], { cwd });
    const texts = await Promise.all((await filesBelow(cwd)).map((file) => readFile(file, "utf8")));
    assert.doesNotMatch(texts.join("\n"), /\bS[OAU][A-Z2-7]{56}\b/);
    assert.equal((await stat(layout.certificate(dir, site))).mode & 0o777, 0o600);
  }
  const names = (await readCertificate(layout.certificate(dir, sites[2]!))).subjectAltName;
  assert.equal(names, "IP Address:192.0.2.3, DNS:hub.example.org");
  assert.equal((await stat(layout.secret(dir))).mode & 0o777, 0o700);
  for (const file of await filesBelow(layout.secret(dir)))
    assert.equal((await stat(file)).mode & 0o077, 0, file);
  assert.match(await readFile(join(dir, "README.txt"), "utf8"), /server-b\/ {2}to b\.example\.org/);
  await assert.rejects(initHub({ dir, servers }), { code: "HUB_INIT_EXISTS" });
  assert.deepEqual((await readdir(join(dir, ".."))).sort(), ["hub"]);
});

test("a certificate is good for a board whose clock begins in 1970, and OpenSSL follows it to the CA", async () => {
  const dir = await scratch();
  const { certFile, caFile } = (await provideCertificate(dir, ["hub.example.org", "::1"]))!;
  const verify = ["verify", "-attime", "1", "-purpose", "sslserver", "-verify_hostname", "hub.example.org"];
  await promisify(execFile)("openssl", [...verify, "-CAfile", caFile, certFile]);
  const { publicKey, validFromDate } = await readCertificate(certFile);
  assert.equal(validFromDate.getTime(), 0);
  assert.equal(publicKey.asymmetricKeyDetails?.namedCurve, "prime256v1");
  const again = await readFile(certFile);
  await provideCertificate(dir, ["::1", "hub.example.org"]);
  assert.deepEqual(await readFile(certFile), again, "the same names need no other certificate");
});

test("servers that can't be, a host that is none, and a machine without openssl are told in time", async (t) => {
  for (const servers of [[], ["a", "b"], ["a:1:2"], ["a:0:1:2"], ["a", "b", "a"], ["a b"]])
    assert.throws(() => parseSites(servers), { code: "HUB_SERVERS" });
  const [six] = parseSites(["[2001:db8::1]:1:2:3"]);
  assert.deepEqual([six?.host, six?.clientPort, six?.leafPort, six?.clusterPort], ["[2001:db8::1]", 1, 2, 3]);
  const dir = join(await scratch(), "hub");
  await assert.rejects(initHub({ dir, servers: ["hub"], hosts: ["hub,DNS:evil"] }), {
    code: "HUB_HOST_INVALID",
  });
  const { PATH } = process.env;
  t.after(() => {
    process.env.PATH = PATH;
  });
  process.env.PATH = dir;
  await assert.rejects(initHub({ dir, servers: ["hub.example.org"] }), { code: "HUB_OPENSSL" });
  await assert.rejects(stat(dir), { code: "ENOENT" });
});

test("the CA changes step by step, and in no other order", async () => {
  const dir = await scratch();
  const { certFile, caFile } = (await provideCertificate(dir, ["hub.example.org"]))!;
  const step = (step: "prepare" | "use" | "finish") => rotateHub(dir, { step });
  const count = async () => (await readFile(caFile, "utf8")).match(/BEGIN/g)?.length;
  const issuer = async () => (await readCertificate(certFile)).issuer;
  const old = await issuer();
  await assert.rejects(step("use"), { code: "HUB_CA_STEP" });
  assert.equal((await step("prepare")).renewed, false);
  await assert.rejects(step("finish"), { code: "HUB_CA_STEP" });
  await step("prepare");
  await rotateHub(dir);
  assert.deepEqual([await count(), await issuer()], [2, old], "not used yet");
  assert.equal((await step("use")).renewed, true);
  assert.notEqual(await issuer(), old);
  assert.equal(await count(), 2);
  await assert.rejects(step("prepare"), { code: "HUB_CA_STEP" });
  await step("finish");
  assert.equal(await count(), 1);
  await promisify(execFile)("openssl", ["verify", "-CAfile", caFile, certFile]);
});

test("a certificate that ends soon is renewed by the hub that has it, and told of by one that has not", async () => {
  const dir = await scratch();
  const { certFile } = (await provideCertificate(dir, ["hub.example.org"]))!;
  const left = async () => (await readCertificate(certFile)).validToDate.getTime() - Date.now();
  await rotateCertificates(join(dir, "tls"), [certFile], { days: 5 });
  const warnings: string[] = [];
  const log = { ...silentLog, warn: (text: string) => void warnings.push(text) };
  using _told = await careForCertificates({ dir, log });
  assert.match(warnings.join(), /^a certificate of the hub's servers ends at 20/);
  let reloads = 0;
  const reload = async () => void reloads++;
  using _renewed = await careForCertificates({ dir, reload, log });
  assert.ok((await left()) > 700 * 86_400_000);
  using _again = await careForCertificates({ dir, reload, log });
  assert.equal(reloads, 1);
});

test("with an operator of one's own a signing key signs, and accounts come and go at a running server", async (t) => {
  const [operatorKey, signingKey, systemKey] = [
    createKey("operator"),
    createKey("operator"),
    createKey("account"),
  ];
  const systemAccount = await encodeAccount(
    "SYS",
    systemKey,
    {
      limits: {
        conn: -1,
        subs: -1,
        data: -1,
        payload: -1,
        leaf: -1,
        imports: -1,
        exports: -1,
        wildcards: true,
      },
    } as object,
    { signer: operatorKey },
  );
  const operator = await encodeOperator("mine", operatorKey, {
    system_account: systemKey.getPublicKey(),
    signing_keys: [signingKey.getPublicKey()],
  });
  const systemCredentials = Buffer.from(
    formatCredentials(await createUser(systemKey, "umec", {})),
  ).toString();
  const ownOperator = {
    ...{ operator, systemAccount, systemCredentials },
    signingKey: Buffer.from(signingKey.getSeed()).toString(),
  };
  const dir = await scratch();
  const wrong = { ...ownOperator, signingKey: Buffer.from(createKey("operator").getSeed()).toString() };
  await assert.rejects(initHub({ dir: join(dir, "wrong"), servers: ["a"], ownOperator: wrong }), {
    code: "HUB_OPERATOR",
  });
  const sites = await startSites(t, join(dir, "hub"), 1, { ownOperator });
  await startService(sites, { systemCredentials });

  const keys = await HubKeys.open(layout.secret(sites.root));
  await keys.admit(["n1"]);
  const { fleet, enrol } = keys;
  const other = { name: "other", key: createKey("account") };
  const accounts = [
    fleetAccount(fleet, [["n1", keys.node("n1")]]),
    nodeAccount("n1", keys.node("n1"), { fleet, enrol }),
  ];
  const nc = await connectAs(sites, systemKey);
  const realm = new Realm("hub", keys.operator, keys.system);
  const publisher = createClaimsPublisher({ nc, realm, operator: keys.operator });
  const known = async (key: string) =>
    (await nc.request(`$SYS.REQ.ACCOUNT.${key}.CLAIMS.LOOKUP`)).string().length > 0;
  await publisher.publish([...accounts, other]);
  assert.equal(await known(other.key.getPublicKey()), true);
  await publisher.publish(accounts);
  assert.equal(await known(other.key.getPublicKey()), false);
  assert.equal(await known(keys.node("n1").account.getPublicKey()), true);
});

test("servers that keep their accounts in their configuration are told of when accounts are published to them", async () => {
  await using server = await startTestServer(() => "");
  const realm = new Realm("hub", createKey("operator"), createKey("account"));
  const publisher = createClaimsPublisher({ nc: server.nc, realm, operator: createKey("operator") });
  const publishing = publisher.publish([{ name: "any", key: createKey("account") }]);
  await assert.rejects(publishing, { code: "HUB_ACCOUNTS", message: /the account any was not published/ });
});
