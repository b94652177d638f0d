import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { connect } from "@nats-io/transport-node";
import { isUmecError } from "../errors.ts";
import { type Log, silentLog } from "../log.ts";
import { createScratch } from "../test-scratch.ts";
import { findNatsServer } from "./find-server.ts";
import { type NatsConfig, startNatsServer } from "./server-process.ts";

let path: string;
before(async () => {
  path = (await findNatsServer()).path;
});

const plain: NatsConfig = (ports) => `
listen: "127.0.0.1:${ports.client}"
leafnodes { listen: "127.0.0.1:${ports.leaf}" }
`;

const scratch = createScratch();

test("a started server takes clients and leaf nodes on free ports, and its file is private", async () => {
  const dir = await scratch();
  await using server = await startNatsServer({ path, dir, name: "t", config: plain, log: silentLog });
  assert.ok(server.ports.client > 0);
  assert.ok(server.ports.leaf > 0);
  const client = await connect({ servers: server.url });
  await client.flush();
  await client.close();
  assert.equal((await stat(join(dir, "nats-server.conf"))).mode & 0o777, 0o600);
});

test("a server that dies is started again on the same port, and clients come back", async () => {
  const dir = await scratch();
  await using server = await startNatsServer({ path, dir, name: "t", config: plain, log: silentLog });
  const { url, pid } = server;
  const client = await connect({ servers: url, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
  const back = (async () => {
    for await (const status of client.status()) if (status.type === "reconnect") return;
  })();
  process.kill(pid, "SIGKILL");
  await back;
  assert.equal(server.url, url);
  assert.notEqual(server.pid, pid);
  await client.close();
});

test("a reload is in force when it resolves", async () => {
  const dir = await scratch();
  await using server = await startNatsServer({ path, dir, name: "t", config: plain, log: silentLog });
  const client = await connect({ servers: server.url });
  await server.reload((ports) => `${plain(ports)}\nmax_payload: 4096`);
  const late = await connect({ servers: server.url });
  assert.equal(late.info?.max_payload, 4096);
  assert.equal(client.isClosed(), false);
  await Promise.all([client.close(), late.close()]);
});

test("a restart keeps the ports and takes the new configuration", async () => {
  const dir = await scratch();
  await using server = await startNatsServer({ path, dir, name: "t", config: plain, log: silentLog });
  const { url, pid } = server;
  await server.restart((ports) => `${plain(ports)}\nserver_name: other`);
  assert.equal(server.url, url);
  assert.notEqual(server.pid, pid);
  const client = await connect({ servers: server.url });
  assert.equal(client.info?.server_name, "other");
  await client.close();
});

test("a bad reload is refused with the reason, and the old configuration runs on and stays on disk", async () => {
  const dir = await scratch();
  await using server = await startNatsServer({ path, dir, name: "t", config: plain, log: silentLog });
  const { pid } = server;
  await assert.rejects(
    server.reload((ports) => `${plain(ports)}\nmax_payload: many`),
    (error) => isUmecError(error, "NATS_SERVER_RELOAD_FAILED") && /string/.test(error.message),
  );
  assert.equal(server.pid, pid);
  assert.equal(await readFile(join(dir, "nats-server.conf"), "utf8"), plain(server.ports));
  const client = await connect({ servers: server.url });
  await client.close();
});

test("a configuration that can't start is an error with nats-server's own words", async () => {
  const dir = await scratch();
  await assert.rejects(
    startNatsServer({ path, dir, name: "t", config: () => "listen {", log: silentLog }),
    (error) => isUmecError(error, "NATS_SERVER_START_FAILED") && /Parse error/.test(error.message),
  );
});

test("a nats-server that a killed runtime left behind is ended before a new one starts", async () => {
  const dir = await scratch();
  const script = `
    import { startNatsServer } from ${JSON.stringify(new URL("./server-process.ts", import.meta.url).href)};
    import { silentLog } from ${JSON.stringify(new URL("../log.ts", import.meta.url).href)};
    const config = (ports) => \`listen: "127.0.0.1:\${ports.client}"\`;
    const server = await startNatsServer({
      path: ${JSON.stringify(path)}, dir: ${JSON.stringify(dir)}, name: "t", config, log: silentLog,
    });
    console.log(server.pid);
  `;
  const runtime = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [pid] = (await once(runtime.stdout, "data")).map(Number);
  runtime.kill("SIGKILL");
  await once(runtime, "exit");
  assert.ok(await runsOurs(pid!, dir), "the orphan must be alive for the test to mean anything");

  await using server = await startNatsServer({ path, dir, name: "t", config: plain, log: silentLog });
  assert.equal(await runsOurs(pid!, dir), false);
  assert.notEqual(server.pid, pid);
});

test("the server ends with the process that started it", async () => {
  const dir = await scratch();
  const script = `
    import { startNatsServer } from ${JSON.stringify(new URL("./server-process.ts", import.meta.url).href)};
    import { silentLog } from ${JSON.stringify(new URL("../log.ts", import.meta.url).href)};
    const config = (ports) => \`listen: "127.0.0.1:\${ports.client}"\`;
    const options = { path: ${JSON.stringify(path)}, dir: ${JSON.stringify(dir)}, name: "t", config, log: silentLog };
    const server = await startNatsServer(options);
    console.log(server.pid);
    if (process.argv[1] === "exit") process.exit(0);
    await server.stop();
  `;
  for (const way of ["exit", "stop"]) {
    const runtime = spawn(process.execPath, ["--input-type=module", "-e", script, way], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [pid] = (await once(runtime.stdout, "data")).map(Number);
    const [code] = await once(runtime, "exit");
    assert.equal(code, 0, way);
    for (let tries = 0; tries < 300 && (await runsOurs(pid!, dir)); tries++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.equal(await runsOurs(pid!, dir), false, way);
  }
});

test("its log lines come with their level", async () => {
  const dir = await scratch();
  const lines: string[] = [];
  const log: Log = {
    ...silentLog,
    debug: (message) => lines.push(`debug ${message}`),
    error: (message) => lines.push(`error ${message}`),
    child: () => log,
  };
  await using server = await startNatsServer({ path, dir, name: "t", config: plain, log });
  await server.reload(() => "max_payload: many").catch(() => undefined);
  assert.ok(lines.includes("debug Server is ready"));
  assert.ok(lines.some((line) => line.startsWith("error Failed to reload")));
});

async function runsOurs(pid: number, dir: string): Promise<boolean> {
  return readFile(`/proc/${pid}/cmdline`, "utf8").then(
    (text) => text.includes(dir),
    () => false,
  );
}
