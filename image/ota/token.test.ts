import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { root } from "../../bundle/paths.ts";
import { createScratch } from "../../runtime/test-scratch.ts";
import { inToolRoot } from "../tool.ts";
import { systemConf } from "./sign.ts";
import { createPki } from "./test-pki.ts";

const scratch = createScratch();

/** A permit for the oldest version, signed as the arguments tell; gives RAUC's words about it. */
async function signedPermit(dir: string, args: readonly string[], env: Readonly<Record<string, string>>) {
  const path = join(dir, "permit");
  const command = [
    join(root, "image/ota/permit.ts"),
    "--board",
    "virt",
    "--version",
    "1.2.0",
    "--days",
    "1",
    path,
  ];
  await promisify(execFile)(process.execPath, [...command, ...args], { env: { ...process.env, ...env } });
  return path;
}

test("a key that never leaves its token signs, and a node believes it", async () => {
  const dir = await scratch();
  const pki = await createPki(dir);
  await mkdir(join(dir, "tokens"));
  await writeFile(join(dir, "softhsm.conf"), `directories.tokendir = ${join(dir, "tokens")}\n`);
  const env = {
    SOFTHSM2_CONF: join(dir, "softhsm.conf"),
    RAUC_PKCS11_MODULE: "/usr/lib/softhsm/libsofthsm2.so",
    RAUC_PKCS11_PIN: "123456",
    UMEC_TOOLS_BIND: dir,
  };
  const token = (...args: string[]) => inToolRoot(["softhsm2-util", ...args], { cwd: dir, env });
  await token("--init-token", "--free", "--label", "umec", "--so-pin", "654321", "--pin", "123456");
  const into = ["--token", "umec", "--label", "signing", "--id", "01", "--pin", "123456"];
  await token("--import", pki.key, ...into);

  const uri = "pkcs11:token=umec;object=signing";
  const args = ["--cert", pki.cert, "--keyring", pki.keyring];
  const path = await signedPermit(dir, [...args, "--key", uri], env);
  await writeFile(
    join(dir, "system.conf"),
    await systemConf({ compatible: "umec-virt", keyring: pki.keyring, dataDirectory: dir }),
  );
  const said = await inToolRoot(["rauc", "--conf=system.conf", "info", "--output-format=json", path], {
    cwd: dir,
  });
  assert.equal(JSON.parse(said).version, "1.2.0");
  const wrong = signedPermit(dir, [...args, "--key", uri], { ...env, RAUC_PKCS11_PIN: "000000" });
  await assert.rejects(wrong, /permit: .*rauc/s);
});

test("the development keys are for their owner alone, made once, and renewed by the same root", async () => {
  const dir = await scratch();
  const { dir: pki, cert } = await createPki(dir);
  for (const key of ["ca.key", "signing.key"]) assert.equal((await stat(join(pki, key))).mode & 0o777, 0o600);
  const first = await readFile(cert, "utf8");
  await createPki(dir);
  assert.equal(await readFile(cert, "utf8"), first);
  await promisify(execFile)(join(root, "image/ota/pki.sh"), ["--renew"], {
    env: { ...process.env, UMEC_PKI: pki },
  });
  assert.notEqual(await readFile(cert, "utf8"), first);
  const verify = ["openssl", "verify", "-purpose", "codesign", "-CAfile", "keyring.pem", "signing.pem"];
  assert.match(await inToolRoot(verify, { cwd: pki }), /signing\.pem: OK/);
});
