import type { Profile } from "./profile.ts";
import { eastronSdm120 } from "./profiles/eastron-sdm120.ts";
import { eastronSdm630 } from "./profiles/eastron-sdm630.ts";
import { wbMdm3 } from "./profiles/wb-mdm3.ts";
import { xyMd02 } from "./profiles/xy-md02.ts";

/** All profiles by the name that options use. */
export const profiles = {
  "eastron-sdm120": eastronSdm120,
  "eastron-sdm630": eastronSdm630,
  "wb-mdm3": wbMdm3,
  "xy-md02": xyMd02,
} as const satisfies Record<string, Profile>;

export type ProfileName = keyof typeof profiles;
export const profileNames = Object.keys(profiles) as ProfileName[];
