/** All that a driver may import of the runtime. */
export type { Clock } from "../clock.ts";
export { isUmecError, messageOf, UmecError } from "../errors.ts";
export type { Log, LogFields } from "../log.ts";
export * from "./contract.ts";
