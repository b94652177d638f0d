import assert from "node:assert/strict";
import { test } from "node:test";
import { pollBench } from "./fixtures/poll-bench.ts";
import { nextPage, type Pages } from "./pages.ts";
import { startWeatherStation } from "./weather-station.ts";

const still = { everyMs: Number.POSITIVE_INFINITY };
const rule = { type: "number", coerce: false, scale: 1, offset: 0, required: true } as const;
const points = { temp: { ...rule, pointer: "/temperature" } };
const each = { pointer: "/stations", name: "/name", points, limit: 10 };
const link = { kind: "link", limit: 10 } as const;
const cursor = { kind: "pointer", pointer: "/next", parameter: "cursor", limit: 10 } as const;

for (const pages of [link, cursor]) {
  test(`a list goes on from page to page: ${pages.kind}`, async () => {
    await using station = await startWeatherStation(still);
    station.observe({ temperature: 20 });
    const bench = pollBench({ url: `${station.url}/v1/stations?limit=1`, each, pages });
    await bench.tick();
    await bench.tick();
    assert.deepEqual(
      station.requests.map(({ path }) => path),
      Array(2).fill(["/v1/stations?limit=1", "/v1/stations?limit=1&cursor=1"]).flat(),
    );
    assert.equal(station.requests[2]?.headers["if-none-match"], undefined);
    const temps = bench.emitted.filter(({ name }) => name.endsWith("/temp"));
    assert.deepEqual(
      temps.slice(0, 2).map(({ name, value }) => [name, value]),
      [
        ["w/north/temp", 20],
        ["w/south/temp", 21.5],
      ],
    );
    assert.deepEqual(bench.lines, []);
  });
}

test("no more pages than the limit are asked for, and that is told once", async () => {
  await using station = await startWeatherStation(still);
  const pages = { ...link, limit: 1 };
  const bench = pollBench({ url: `${station.url}/v1/stations?limit=1`, each, pages });
  await bench.tick();
  await bench.tick();
  assert.equal(station.count, 2);
  assert.ok(bench.emitted.some(({ name }) => name === "w/north/temp"));
  assert.deepEqual(bench.lines, [`warn ${station.url}/v1/stations has more than 1 pages; these are read`]);
});

test("a page that fails makes the whole poll fail, and nothing of it is emitted", async () => {
  await using station = await startWeatherStation(still);
  const bench = pollBench({ url: `${station.url}/v1/stations?limit=1`, each, pages: link });
  const first = await (await fetch(`${station.url}/v1/stations?limit=1`)).json();
  station.misbehave({ kind: "document", document: first });
  station.misbehave({ kind: "status", status: 500 });
  await bench.tick();
  assert.deepEqual(
    bench.emitted.map(({ name, value }) => [name, value]),
    [["w/online", false]],
  );
});

test("pages that go in a circle, or to another origin, are refused", async () => {
  await using station = await startWeatherStation(still);
  const circle = { kind: "pointer", pointer: "/next", limit: 10 } as const;
  const bench = pollBench({ url: `${station.url}/v1/stations`, each, pages: circle });
  for (const [next, line] of [
    ["/v1/stations", /go in a circle/],
    ["https://evil.example/v1/stations", /lies at another origin, https:\/\/evil\.example$/],
  ] as const) {
    station.misbehave({ kind: "document", document: { stations: [], next } });
    bench.advance(1e9);
    await bench.tick();
    assert.match(bench.lines.at(-1)!, line);
  }
  assert.deepEqual(
    bench.emitted.map(({ value }) => value),
    [false],
  );
});

test("where the next page is", () => {
  const first = "https://api.example/v1/list?limit=5";
  const next = (pages: Pages, document: unknown, header: string | null = null) =>
    nextPage(first, { url: first, document, link: header }, pages);
  const at = { kind: "pointer", pointer: "/next", limit: 1 } as const;
  assert.equal(next(link, {}), undefined);
  assert.equal(
    next(link, {}, '<?page=2>; rel="next", <?page=9>; rel="last"'),
    "https://api.example/v1/list?page=2",
  );
  assert.equal(next(link, {}, '<?page=1>; rel="prev"'), undefined);
  assert.throws(() => next(link, {}, "<<"), { code: "HTTP_PAGES" });
  assert.equal(next(at, { next: "/v1/list?from=7#x" }), "https://api.example/v1/list?from=7");
  assert.equal(next({ ...at, parameter: "page" }, { next: 2 }), "https://api.example/v1/list?limit=5&page=2");
  for (const end of [{}, { next: null }, { next: "" }, { next: false }])
    assert.equal(next(at, end), undefined);
  for (const bad of [
    { next: { a: 1 } },
    { next: true },
    { next: "http://[" },
    { next: "http://api.example/" },
  ])
    assert.throws(() => next(at, bad), { code: "HTTP_PAGES" }, JSON.stringify(bad));
});
