import assert from "node:assert/strict";
import { test } from "node:test";
import { isUmecError, type UmecError } from "../../runtime/plugin/sdk.ts";
import { type Client, type ClientOptions, createClient } from "./client.ts";
import { mbap } from "./mbap.ts";
import { decodeRead, encodeRead } from "./pdu.ts";
import { createMemory, type Simulator, startSimulator } from "./simulator.ts";
import { tcpLine } from "./tcp.ts";

const unit = createMemory({ holding: { 0: 11, 1: 22, 2: 33, 3: 44 } });
const code =
  (wanted: string) =>
  (error: unknown): boolean =>
    isUmecError(error, wanted);

function clientOf(simulator: Simulator, options: Partial<ClientOptions> = {}): Client {
  return createClient({
    open: tcpLine({ host: "127.0.0.1", port: simulator.port }),
    framing: mbap,
    timeoutMs: 2000,
    backoff: { initialMs: 5, maxMs: 20 },
    ...options,
  });
}

async function read(client: Client, address: number, options: { unit?: number; urgent?: boolean } = {}) {
  const pdu = encodeRead("holding", address, 1);
  const { unit: asked = 1, urgent = false } = options;
  return decodeRead(pdu, await client.request(asked, pdu, { urgent })).readUInt16BE(0);
}

test("a reply cut in two anywhere, and replies that come in one segment, are told apart", async () => {
  await using simulator = await startSimulator({ units: { 1: unit } });
  await using client = clientOf(simulator, { maxInFlight: 3 });
  for (const at of [1, 5, 6, 7, 10]) {
    simulator.script(() => ({ kind: "split", at }));
    assert.equal(await read(client, 1), 22);
  }
  simulator.script(({ address }) => (address < 2 ? { kind: "hold" } : undefined));
  assert.deepEqual(await Promise.all([read(client, 0), read(client, 1), read(client, 2)]), [11, 22, 33]);
});

test("replies are matched by transaction, whatever their order", async () => {
  await using simulator = await startSimulator({ units: { 1: unit } });
  await using client = clientOf(simulator, { maxInFlight: 2 });
  simulator.script(({ address }) => (address === 0 ? { kind: "slow", delayMs: 30 } : undefined));
  const order: number[] = [];
  await Promise.all([0, 1].map(async (address) => order.push(await read(client, address))));
  assert.deepEqual(order, [22, 11]);
});

test("at most maxInFlight requests are under way", async () => {
  await using simulator = await startSimulator({ units: { 1: unit } });
  await using client = clientOf(simulator, { maxInFlight: 2 });
  let most = 0;
  let done = 0;
  simulator.script(() => {
    most = Math.max(most, simulator.requests.length - done);
    return { kind: "slow", delayMs: 5 };
  });
  await Promise.all(Array.from({ length: 8 }, () => read(client, 0).then(() => done++)));
  assert.equal(most, 2);
});

test("a late reply and one with a wrong transaction are not taken for another's", async () => {
  await using simulator = await startSimulator({ units: { 1: unit } });
  await using client = clientOf(simulator, { timeoutMs: 40 });
  simulator.script(() => ({ kind: "slow", delayMs: 60 }));
  await assert.rejects(read(client, 0), code("MODBUS_TIMEOUT"));
  simulator.script(() => ({ kind: "wrong-transaction-id" }));
  await assert.rejects(read(client, 1), code("MODBUS_TIMEOUT"));
  assert.ok(client.strays >= 1);
  simulator.script(undefined);
  assert.equal(await read(client, 2), 33);
});

test("an answer in another unit's name is an error of its own", async () => {
  await using simulator = await startSimulator({ units: { 1: unit } });
  await using client = clientOf(simulator);
  simulator.script(() => ({ kind: "wrong-unit" }));
  await assert.rejects(read(client, 0), code("MODBUS_FRAME"));
  simulator.script(undefined);
  assert.equal(await read(client, 0), 11);
});

test("an urgent request overtakes all that wait", async () => {
  await using simulator = await startSimulator({ units: { 1: unit } });
  await using client = clientOf(simulator);
  await Promise.all([read(client, 0), read(client, 1), read(client, 2), read(client, 3, { urgent: true })]);
  await Promise.all([read(client, 0), read(client, 1), read(client, 2), read(client, 3, { urgent: true })]);
  assert.deepEqual(
    simulator.requests.map(({ address }) => address),
    [3, 0, 1, 2, 3, 0, 1, 2],
  );
});

test("garbage ends the connection, and the next one works", async () => {
  await using simulator = await startSimulator({ units: { 1: unit } });
  const link = watchLink();
  await using client = clientOf(simulator, link);
  simulator.script(() => ({ kind: "garbage" }));
  await assert.rejects(
    read(client, 0),
    (error) => code("MODBUS_DISCONNECTED")(error) && code("MODBUS_FRAME")((error as UmecError).cause),
  );
  simulator.script(undefined);
  await link.up(2);
  assert.equal(await read(client, 0), 11);
});

test("it comes back after the server was restarted on its port", async () => {
  const first = await startSimulator({ units: { 1: unit } });
  const link = watchLink();
  await using client = clientOf(first, link);
  assert.equal(await read(client, 0), 11);
  await first.close();
  await assert.rejects(read(client, 0), code("MODBUS_DISCONNECTED"));
  await using second = await startSimulator({ units: { 1: unit }, port: first.port });
  await link.up(2);
  assert.equal(await read(client, 1), 22);
  assert.deepEqual(
    second.requests.map(({ address }) => address),
    [1],
  );
  assert.ok(link.errors.every(code("MODBUS_DISCONNECTED")));
});

test("a connection on which nobody answers any more is dropped and opened again", async () => {
  await using simulator = await startSimulator({ units: { 1: unit } });
  const link = watchLink();
  await using client = clientOf(simulator, { ...link, timeoutMs: 20 });
  simulator.script(() => ({ kind: "silent" }));
  for (let i = 0; i < 3; i++) await assert.rejects(read(client, 0), code("MODBUS_TIMEOUT"));
  simulator.script(undefined);
  await link.up(2);
  assert.equal(await read(client, 0), 11);
  assert.deepEqual(
    link.errors.map(({ cause }) => code("MODBUS_TIMEOUT")(cause)),
    [true],
  );
});

test("a queue that is full refuses, and a request that was given up is not sent", async () => {
  await using simulator = await startSimulator({ units: { 1: unit } });
  await using client = clientOf(simulator, { maxQueued: 2 });
  await read(client, 0);
  const given = new AbortController();
  const reason = new Error("given up");
  const unwanted = client.request(1, encodeRead("holding", 1, 1), { signal: given.signal });
  const wanted = read(client, 2);
  await assert.rejects(read(client, 3), code("MODBUS_BUSY"));
  given.abort(reason);
  await assert.rejects(unwanted, reason);
  assert.equal(await wanted, 33);
  assert.deepEqual(
    simulator.requests.map(({ address }) => address),
    [0, 2],
  );
});

test("closing rejects what waits and leaves no socket", async () => {
  await using simulator = await startSimulator({ units: { 1: unit } });
  const client = clientOf(simulator);
  simulator.script(() => ({ kind: "silent" }));
  const came = simulator.request(() => true);
  const waiting = [read(client, 0), read(client, 1)].map((request) =>
    assert.rejects(request, code("MODBUS_DISCONNECTED")),
  );
  await came;
  await client.close();
  await Promise.all(waiting);
  await assert.rejects(read(client, 0), code("MODBUS_DISCONNECTED"));
  assert.equal(client.connected, false);
  await simulator.close();
});

interface Link {
  onState: (error: UmecError | undefined) => void;
  /** Why connections were lost or did not come about. */
  errors: UmecError[];
  /** Resolves when the `count`th connection stands. */
  up(count: number): Promise<void>;
}

function watchLink(): Link {
  const connections: PromiseWithResolvers<void>[] = [];
  const nth = (i: number): PromiseWithResolvers<void> => (connections[i] ??= Promise.withResolvers<void>());
  const errors: UmecError[] = [];
  let count = 0;
  return {
    errors,
    onState: (error) => (error ? void errors.push(error) : nth(count++).resolve()),
    up: (wanted) => nth(wanted - 1).promise,
  };
}
