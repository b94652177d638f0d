/** node:test's spec output, closed by the plain line `N passed, N failed` that people and CI read. */

import type { TestEvent } from "node:test/reporters";
import { spec } from "node:test/reporters";

export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  let passed = 0;
  let failed = 0;
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
  yield `\n${passed} passed, ${failed} failed\n`;
}
