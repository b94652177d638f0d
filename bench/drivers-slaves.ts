/** Modbus TCP servers in a process of their own, whose processor time is not the node's; tells its ports by IPC. */
import { createMemory, startSimulator } from "../drivers/modbus/simulator.ts";

const [servers = 1, registers = 1000] = process.argv.slice(2).map(Number);
const ports: number[] = [];
for (let i = 0; i < servers; i++) {
  const holding = Object.fromEntries(
    Array.from({ length: registers }, (_, address) => [address, 1000 + address]),
  );
  const { port } = await startSimulator({ units: { 1: createMemory({ holding }) } });
  ports.push(port);
}
process.send?.(ports);
process.on("disconnect", () => process.exit());
