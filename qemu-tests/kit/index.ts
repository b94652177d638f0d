/** The test kit: what a test imports. */
export { Board, type BoardEvents, type BoardOptions } from "./board.ts";
export { type FlashOptions, flashToFile, type NodeConfig } from "./flash.ts";
export { type AwaitSample, Hub, type HubOptions } from "./hub.ts";
export type { SampleQuery } from "./hub-follow.ts";
