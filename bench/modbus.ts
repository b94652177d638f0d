/**
 * How fast the Modbus client is, and how many requests the planner saves.
 *
 *     node bench/modbus.ts [--json] [--seconds N]
 *
 * Method. Speed: reads of 10 holding registers, decoded to numbers, over one loopback connection to a server
 * that does nothing but copy a prepared answer, in a process of its own. The clients take turns in rounds
 * (A B C … A B C …) of N seconds after a warm-up round each, so that whatever else the machine does meets all
 * alike; told are median, least and most of the rounds, the processor time for each request, and the ratio to
 * the faster of the other two in the same run. With one request in flight the round trip through both processes'
 * event loops is most of the time, so the processor time tells more of what a small board would save. Plan: the map of `modbus-map.ts`, counted, not timed.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { createServer, Socket } from "node:net";
import { parseArgs } from "node:util";
import { client as jsmodbus } from "jsmodbus";
import modbusSerialModule from "modbus-serial";
import { createClient } from "../drivers/modbus/client.ts";
import { mbap } from "../drivers/modbus/mbap.ts";
import { decodeRead, encodeRead } from "../drivers/modbus/pdu.ts";
import { type Item, oneRead, planReads, type Read } from "../drivers/modbus/plan.ts";
import { tcpLine } from "../drivers/modbus/tcp.ts";
import { meterMap } from "./modbus-map.ts";

const registers = 10;
const rounds = 5;
const host = "127.0.0.1";

interface Contender {
  name: string;
  inFlight: number;
  read(): Promise<ArrayLike<number>>;
  close(): void;
}

/** Answers each read of `registers` registers; requests are 12 bytes, so frames are found by counting. */
function serve(): void {
  const reply = Buffer.alloc(9 + 2 * registers);
  reply.writeUInt16BE(3 + 2 * registers, 4);
  reply.set([1, 3, 2 * registers], 6);
  for (let i = 0; i < registers; i++) reply.writeUInt16BE(1000 + i, 9 + 2 * i);
  const server = createServer((socket) => {
    socket.setNoDelay(true);
    socket.on("error", () => {});
    let rest: Buffer = Buffer.alloc(0);
    socket.on("data", (chunk) => {
      const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
      const count = Math.floor(bytes.length / 12);
      const replies = Buffer.allocUnsafe(count * reply.length);
      for (let i = 0; i < count; i++) {
        replies.set(reply, i * reply.length);
        bytes.copy(replies, i * reply.length, i * 12, i * 12 + 2);
      }
      rest = Buffer.from(bytes.subarray(count * 12));
      if (count > 0) socket.write(replies);
    });
  });
  server.listen(0, host, () => process.send?.((server.address() as { port: number }).port));
  process.on("disconnect", () => process.exit());
}

async function ours(port: number, inFlight: number): Promise<Contender> {
  const client = createClient({ open: tcpLine({ host, port }), framing: mbap, maxInFlight: inFlight });
  return {
    name: inFlight === 1 ? "umec" : `umec, ${inFlight} in flight`,
    inFlight,
    async read() {
      const pdu = encodeRead("holding", 0, registers);
      const data = decodeRead(pdu, await client.request(1, pdu));
      return Array.from({ length: registers }, (_, i) => data.readUInt16BE(2 * i));
    },
    close: () => void client.close(),
  };
}

async function modbusSerial(port: number): Promise<Contender> {
  const client = new modbusSerialModule.default();
  await client.connectTCP(host, { port });
  client.setID(1);
  client.setTimeout(1000);
  return {
    name: "modbus-serial",
    inFlight: 1,
    read: async () => (await client.readHoldingRegisters(0, registers)).data,
    close: () => client.close(),
  };
}

async function jsModbus(port: number): Promise<Contender> {
  const socket = new Socket();
  const client = new jsmodbus.TCP(socket, 1, 1000);
  socket.setNoDelay(true);
  socket.connect({ host, port });
  await once(socket, "connect");
  return {
    name: "jsmodbus",
    inFlight: 1,
    read: async () =>
      (await client.readHoldingRegisters(0, registers)).response.body.valuesAsArray as number[],
    close: () => void socket.destroy(),
  };
}

interface Measured {
  /** Requests per second. */
  rate: number;
  /** Processor time of this process for each request, in microseconds. */
  cpuUs: number;
}

async function measure({ inFlight, read }: Contender, ms: number): Promise<Measured> {
  const started = performance.now();
  const cpu = process.cpuUsage();
  let count = 0;
  const ask = async (): Promise<void> => {
    while (performance.now() - started < ms) {
      const values = await read();
      if (values.length !== registers || values[9] !== 1009) throw new Error("a wrong answer");
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, ask));
  const { user, system } = process.cpuUsage(cpu);
  return { rate: (count * 1000) / (performance.now() - started), cpuUs: (user + system) / count };
}

/** Joins what touches, fills each request to its limit: what most pollers do. */
function adjacentOnly(items: readonly Item[], maxCount: number): Read[] {
  const reads: Read[] = [];
  for (const item of items.toSorted((a, b) => a.address - b.address)) {
    const last = reads.at(-1);
    const joined = last?.table === item.table ? oneRead([...last.items, item]) : undefined;
    const touches = last && item.address <= last.address + last.count;
    if (joined && touches && joined.count <= maxCount) reads[reads.length - 1] = joined;
    else reads.push(oneRead([item]));
  }
  return reads;
}

function planned(): Record<string, number> {
  const maxCount = 125;
  const byTable = [...Map.groupBy(meterMap, ({ table }) => table).values()];
  const count = (plan: (items: readonly Item[]) => Read[]): number =>
    byTable.reduce((sum, items) => sum + plan(items).length, 0);
  return {
    values: meterMap.length,
    oneByOne: meterMap.length,
    adjacentOnly: count((items) => adjacentOnly(items, maxCount)),
    planned: count((items) => planReads(items, { maxCount, requestCost: 32 })),
    plannedForTcp: count((items) => planReads(items, { maxCount, requestCost: 125 })),
  };
}

function ascending(numbers: readonly number[]): number[] {
  return numbers.toSorted((a, b) => a - b);
}

function median(sorted: readonly number[]): number {
  return sorted[Math.floor(sorted.length / 2)]!;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { json: { type: "boolean", default: false }, seconds: { type: "string", default: "1" } },
  });
  const ms = Number(values.seconds) * 1000;
  if (!(ms > 0)) throw new Error(`--seconds ${values.seconds} is no duration`);
  const server = fork(import.meta.filename, { env: { ...process.env, BENCH_MODBUS_SERVER: "1" } });
  const [port] = (await once(server, "message")) as [number];
  const contenders = [
    await ours(port, 1),
    await modbusSerial(port),
    await jsModbus(port),
    await ours(port, 8),
  ];
  const measured = contenders.map((): Measured[] => []);
  for (const contender of contenders) await measure(contender, Math.min(ms, 1000));
  for (let round = 0; round < rounds; round++) {
    for (const [i, contender] of contenders.entries()) measured[i]!.push(await measure(contender, ms));
  }
  for (const contender of contenders) contender.close();
  server.disconnect();

  const results = contenders.map(({ name }, i) => {
    const sorted = ascending(measured[i]!.map(({ rate }) => Math.round(rate)));
    const cpuUs = +median(ascending(measured[i]!.map(({ cpuUs }) => cpuUs))).toFixed(1);
    return { name, median: median(sorted), min: sorted[0]!, max: sorted.at(-1)!, cpuUs };
  });
  const fastestOther = Math.max(results[1]!.median, results[2]!.median);
  const speed = results.map((result) => ({ ...result, ratio: +(result.median / fastestOther).toFixed(2) }));
  const plan = planned();
  console.log(`Reads of ${registers} registers a second, ${rounds} rounds of ${ms / 1000} s, one connection`);
  console.table(speed);
  console.log("Requests for one poll of the energy meter's map");
  console.table([plan]);
  if (values.json) {
    console.log(JSON.stringify({ bench: "modbus", rounds, seconds: ms / 1000, registers, speed, plan }));
  }
}

if (process.env.BENCH_MODBUS_SERVER) serve();
else await main();
