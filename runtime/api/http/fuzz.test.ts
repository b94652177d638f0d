import assert from "node:assert/strict";
import { test } from "node:test";
import Type from "typebox";
import { notFound } from "./problem.ts";
import type { Route } from "./route.ts";
import { familyOf, serveTestApi } from "./test-api.ts";
import { fuzzFamily } from "./test-fuzz.ts";

const headers = { authorization: "Bearer tester" };
const note = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 20 }),
  tags: Type.Optional(Type.Array(Type.String({ maxLength: 10 }), { maxItems: 5 })),
  place: Type.Optional(Type.Union([Type.Object({ x: Type.Number() }), Type.Literal("nowhere")])),
});
type Note = { name: string; tags?: string[]; place?: unknown };

function notes(defect: (note: Note) => void = () => {}): Route[] {
  const known = new Map<string, Note>([["first", { name: "first" }]]);
  const scope = "mec_iot";
  const find = (id: string | undefined): Note => {
    const found = known.get(id!);
    if (!found) throw notFound("such note");
    return found;
  };
  return [
    {
      method: "post",
      path: "/notes",
      operationId: "post",
      summary: "",
      scope,
      body: note,
      responses: { 201: { description: "", schema: note } },
      handle: ({ body }) => {
        defect(body as Note);
        const id = String(known.size % 20);
        known.set(id, body as Note);
        return { status: 201, headers: { location: `/t/notes/${id}` }, body };
      },
    },
    {
      method: "get",
      path: "/notes/{id}",
      operationId: "get",
      summary: "",
      scope,
      query: Type.Object({ n: Type.Optional(Type.Integer({ maximum: 9 })) }),
      responses: { 200: { description: "", schema: note } },
      handle: ({ params }) => ({ status: 200, body: find(params.id) }),
    },
    {
      method: "delete",
      path: "/notes/{id}",
      operationId: "delete",
      summary: "",
      scope,
      responses: { 204: { description: "" } },
      handle: ({ params }) => {
        find(params.id);
        known.delete(params.id!);
        return { status: 204 };
      },
    },
  ];
}

test("the server and its checks answer whatever comes", async (t) => {
  const family = familyOf(...notes());
  const api = await serveTestApi([family]);
  t.after(() => api.stop());
  const { statuses } = await fuzzFamily({ url: api.url, family, headers, params: { id: ["first"] } });
  const { post = {}, get = {} } = statuses;
  assert.ok(post[201]! > 50 && post[400]! > 50, JSON.stringify(statuses));
  assert.ok(get[200]! > 20 && get[404]! > 20, JSON.stringify(statuses));
});

test("a defect that one body in many brings about is found", async (t) => {
  const family = familyOf(
    ...notes(({ tags }) => {
      if (tags?.includes("")) throw new Error("an empty tag");
    }),
  );
  const api = await serveTestApi([family]);
  t.after(() => api.stop());
  await assert.rejects(fuzzFamily({ url: api.url, family, headers }), /500 application\/problem\+json/);
});

test("an answer that is not as its route says is found", async (t) => {
  const [post] = notes();
  const lying: Route = { ...post!, handle: () => ({ status: 201, body: { name: 1 } }) };
  const undeclared: Route = { ...post!, handle: () => ({ status: 202 }) };
  for (const [route, message] of [
    [lying, /\/name: 1 must be string/],
    [undeclared, /does not declare this status/],
  ] as const) {
    const family = familyOf(route);
    const api = await serveTestApi([family]);
    t.after(() => api.stop());
    await assert.rejects(fuzzFamily({ url: api.url, family, headers, requests: 200 }), message);
  }
});
