/**
 * Names of receivers to addresses, a few at a time.
 *
 * The system's resolver works in the threads that all of the process' file operations need, and a name server that does
 * not answer keeps one for many seconds. An application chooses the name, so it must not have them all.
 */
import type { LookupFunction } from "node:net";
import { type BulkheadPolicy, bulkhead } from "cockatiel";

export interface LookupLimits {
  /** At once. @default 2, of libuv's 4 threads */
  most?: number;
  /** More than this many that wait are refused. @default 16 */
  mostWaiting?: number;
}

/** `lookup` within its limits. */
export function limitLookup(lookup: LookupFunction, limits: LookupLimits = {}): LookupFunction {
  const { most = 2, mostWaiting = 16 } = limits;
  const threads: BulkheadPolicy = bulkhead(most, mostWaiting);
  return (hostname, options, callback) => {
    const look = () =>
      new Promise<void>((done) => {
        lookup(hostname, options, (...found) => {
          done();
          callback(...found);
        });
      });
    threads.execute(look).catch(() => {
      callback(new Error(`${hostname} is not looked up: ${most + mostWaiting} names are waited for`), "", 0);
    });
  };
}
