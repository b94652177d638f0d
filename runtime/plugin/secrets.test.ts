import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { isUmecError, UmecError } from "../errors.ts";
import { createSecrets, secretNames } from "./secrets.ts";

let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), "umec-secrets-"));
});
after(() => rm(dir, { recursive: true }));

const refused = (code: string, text: RegExp) => (error: unknown) =>
  isUmecError(error, code) && text.test(`${error.message}; ${error.hint}`);

test("a private file is read each time, without the line break at its end", async () => {
  const secrets = createSecrets({ dir, env: { UMEC_SECRET_API_TOKEN: "from the environment" } });
  await writeFile(join(dir, "api-token"), "first\n", { mode: 0o600 });
  assert.equal(await secrets.get("api-token"), "first");
  await writeFile(join(dir, "api-token"), " second \r\n");
  assert.equal(await secrets.get("api-token"), " second ");
  await chmod(join(dir, "api-token"), 0o400);
  assert.equal(await secrets.get("api-token"), " second ");
});

test("without a file the environment counts", async () => {
  const secrets = createSecrets({ dir, env: { UMEC_SECRET_PLC_2: "s3cret" } });
  assert.equal(await secrets.get("plc-2"), "s3cret");
});

test("a file that others may read is refused, with what to do", async () => {
  const path = join(dir, "open");
  await writeFile(path, "x");
  await chmod(path, 0o640);
  await assert.rejects(
    createSecrets({ dir }).get("open"),
    refused("SECRET_EXPOSED", new RegExp(`mode 0640.*chmod 600 ${path}`)),
  );
});

test("a missing secret tells where it was looked for", async () => {
  await assert.rejects(
    createSecrets({ dir: join(dir, "none"), env: {} }).get("x-1"),
    refused("SECRET_MISSING", /none\/x-1 nor UMEC_SECRET_X_1/),
  );
});

test("a name can't lead out of the directory", async () => {
  for (const name of ["../x", "", "A", "a_b", "a/b"])
    await assert.rejects(createSecrets({ dir }).get(name), refused("SECRET_NAME", /a-z, 0-9/));
});

test("what is no file is told as unreadable", async () => {
  await mkdir(join(dir, "folder"), { mode: 0o700 });
  await assert.rejects(createSecrets({ dir }).get("folder"), refused("SECRET_UNREADABLE", /folder/));
});

test("a plugin gets what its options name, at any depth, and nothing else", async () => {
  const options = { password: { secret: "mine" }, list: [{ auth: { key: { secret: "also" } } }], secret: 5 };
  const names = secretNames(options);
  assert.deepEqual([...names].sort(), ["also", "mine"]);
  const env = { UMEC_SECRET_MINE: "a", UMEC_SECRET_OTHER: "b" };
  const secrets = createSecrets({ dir, env, names });
  assert.equal(await secrets.get("mine"), "a");
  await assert.rejects(
    secrets.get("other"),
    refused("SECRET_FORBIDDEN", /not this plugin's.*\{ secret: other \}/),
  );
});

test("a sealed secret is opened at each use and comes before a file; one that can't be is told", async () => {
  await writeFile(join(dir, "sealed"), "of the file", { mode: 0o600 });
  let opened = 0;
  const open = (name: string) =>
    name === "sealed" ? Promise.resolve(Buffer.from(`ö${++opened}`)) : undefined;
  const secrets = createSecrets({ dir, env: { UMEC_SECRET_PLAIN: "p" }, open });
  assert.equal(await secrets.get("sealed"), "ö1");
  assert.equal(await secrets.get("sealed"), "ö2");
  assert.equal(await secrets.get("plain"), "p");
  const fails = (error: UmecError) => createSecrets({ dir, open: () => Promise.reject(error) }).get("sealed");
  const keyless = new UmecError("IDENTITY_SEALED", "the seed is sealed");
  await assert.rejects(
    fails(keyless),
    refused("SECRET_SEALED", /sealed can't be opened: the seed is sealed.*umec status/),
  );
  await assert.rejects(
    fails(new UmecError("SEALED_NOT_OURS", "not ours")),
    refused("SEALED_NOT_OURS", /not ours/),
  );
});
