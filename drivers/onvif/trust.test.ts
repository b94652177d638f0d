import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { bench } from "./test-camera.ts";

const file = (name: string): string => fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url));
const tls = {
  key: await readFile(file("test-key.pem"), "utf8"),
  cert: await readFile(file("test-cert.pem"), "utf8"),
};
const { fingerprint256: fingerprint } = new X509Certificate(tls.cert);

async function online(
  options: Record<string, unknown>,
): Promise<{ value: unknown; reason: string; calls: string[] }> {
  await using at = await bench({ tls }, options);
  const [sample] = await at.run.samples(({ name }) => name === "online");
  const reason = sample?.value === false ? (await at.run.line(/is away/)).message : "";
  return { value: sample?.value, reason, calls: at.camera.state.calls };
}

test("a certificate that is pinned counts, whatever its name", async () => {
  assert.equal((await online({ tls: { fingerprint } })).value, true);
  assert.equal(
    (await online({ tls: { fingerprint: fingerprint.replaceAll(":", "").toLowerCase() } })).value,
    true,
  );
});

test("another certificate gets not one request", async () => {
  const { value, reason, calls } = await online({ tls: { fingerprint: "00".repeat(32) } });
  assert.equal(value, false);
  assert.match(reason, /fingerprint is .*not the one that is pinned/);
  assert.deepEqual(calls, []);
});

test("an authority's file counts for the name in the certificate only", async () => {
  const ca = file("test-cert.pem");
  assert.equal((await online({ host: "localhost", tls: { ca } })).value, true);
  assert.match((await online({ tls: { ca } })).reason, /not trusted \(ERR_TLS_CERT_ALTNAME_INVALID\)/);
});

test("a certificate of its own is not trusted without more ado", async () => {
  assert.match(
    (await online({ host: "localhost", tls: {} })).reason,
    /not trusted \(DEPTH_ZERO_SELF_SIGNED_CERT\)/,
  );
});

test("a file of authorities that is missing is named", async () => {
  await using at = await bench({ tls }, { tls: { ca: "/nowhere.pem" } });
  await assert.rejects(
    at.run.samples(() => false),
    { code: "ONVIF_TRUST", message: /\/nowhere\.pem/ },
  );
});
