import type { Quality } from "../../runtime/plugin/sdk.ts";

/** One value of a frame, below the device. */
export interface Reading {
  name: string;
  value: number | string | boolean | null;
  unit?: string;
  /** @default "good" */
  quality?: Quality;
  reason?: string;
}
