/** What a handover needs of the kernel and Node.js does not have, through koffi. */
import { constants } from "node:os";
import { getSystemErrorName } from "node:util";
import { UmecError } from "../errors.ts";

const setDescriptorFlags = 2;
const closeOnExec = 1;
const withoutWaiting = 1;

export interface Libc {
  /** An empty file in memory that has no name; its descriptor outlives execve(2). */
  createMemoryFile(name: string): number;
  /** Whether a descriptor is closed by execve(2), and so in every program that is started. */
  setCloseOnExec(descriptor: number, close: boolean): void;
  /** In words how a child ended; `undefined` while it runs. It is gone then: waitpid(2). */
  reap(pid: number): string | undefined;
}

/** Rejects where koffi can't be loaded. */
export async function loadLibc(): Promise<Libc> {
  const { default: koffi } = await import("koffi");
  const library = koffi.load(null);
  const memfdCreate = library.func("int memfd_create(const char *name, uint flags)");
  const fcntl = library.func("int fcntl(int descriptor, int command, ...)");
  const waitpid = library.func("int waitpid(int pid, void *status, int options)");
  const failed = (call: string): UmecError =>
    new UmecError("HANDOVER_FAILED", `${call}: ${getSystemErrorName(-koffi.errno())}`);
  return {
    createMemoryFile(name) {
      const descriptor: number = memfdCreate(name, 0);
      if (descriptor < 0) throw failed("memfd_create");
      return descriptor;
    },
    setCloseOnExec(descriptor, close) {
      if (fcntl(descriptor, setDescriptorFlags, "int", close ? closeOnExec : 0) < 0) throw failed("fcntl");
    },
    reap(pid) {
      const status = Buffer.alloc(4);
      const found: number = waitpid(pid, status, withoutWaiting);
      if (found === 0) return undefined;
      // Somebody else has waited for it.
      return found === pid ? howItEnded(status.readInt32LE(0)) : "has ended";
    },
  };
}

/** As wait(2) has it: the signal in the lowest seven bits, else the code in the next byte. */
function howItEnded(status: number): string {
  const signal = status & 0x7f;
  if (signal === 0) return `ended with code ${(status >> 8) & 0xff}`;
  const name = Object.entries(constants.signals).find(([, number]) => number === signal)?.[0];
  return `was ended by ${name ?? signal}`;
}
