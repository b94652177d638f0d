/**
 * node:test's spec output, closed by the plain line `N passed, N failed` that people and CI read.
 *
 * Several runs can share one count: each adds to the file that UMEC_TEST_TALLY names and prints what it then holds.
 */

import { readFileSync, writeFileSync } from "node:fs";
import type { TestEvent } from "node:test/reporters";
import { spec } from "node:test/reporters";

export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const tally = process.env.UMEC_TEST_TALLY;
  let [passed = 0, failed = 0] = tally ? readFileSync(tally, "utf8").split(" ").map(Number) : [];
  const pretty = new spec();
  async function* counted(): AsyncGenerator<TestEvent> {
    for await (const event of source) {
      if (event.type === "test:pass" && event.data.details.type !== "suite") passed++;
      if (event.type === "test:fail" && event.data.details.type !== "suite") failed++;
      yield event;
    }
  }
  const { Readable } = await import("node:stream");
  for await (const chunk of Readable.from(counted()).pipe(pretty)) yield String(chunk);
  if (tally) writeFileSync(tally, `${passed} ${failed}`);
  yield `\n${passed} passed, ${failed} failed\n`;
}
