/**
 * Time (ETSI GS MEC 011 V3.1.1 sections 7.2.5 and 7.2.6): only what is true. A clock counts as traceable while a time
 * service disciplines it. The node serves time to nobody, so no NTP server and no PTP master is listed.
 */

import { ok } from "../etsi-answers.ts";
import type { Route } from "../http/route.ts";
import type { Mec011Options } from "./context.ts";
import { answers } from "./responses.ts";
import { currentTimeSchema, timingCapsSchema } from "./schema/support.ts";
import { toTimeStamp } from "./timestamp.ts";

export function timingRoutes({
  clock,
  clockQuality,
}: Pick<Mec011Options, "clock" | "clockQuality">): Route[] {
  const scope = "mec_app_support";
  return [
    {
      method: "get",
      path: "/timing/timing_caps",
      operationId: "TimingTimingcapsGET",
      summary: "Where applications can have the time from",
      scope,
      responses: answers(ok(timingCapsSchema)),
      handle: () => ({ status: 200, body: { timeStamp: toTimeStamp(clock.nowMs()) } }),
    },
    {
      method: "get",
      path: "/timing/current_time",
      operationId: "TimingCurrenttimeGET",
      summary: "The node's time, and whether it is to be believed",
      scope,
      responses: answers(ok(currentTimeSchema)),
      async handle() {
        const { known, synchronized } = await clockQuality();
        const timeSourceStatus = known && synchronized ? "TRACEABLE" : "NONTRACEABLE";
        return { status: 200, body: { ...toTimeStamp(clock.nowMs()), timeSourceStatus } };
      },
    },
  ];
}
