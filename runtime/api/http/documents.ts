import { createHash } from "node:crypto";
import { openApiOf } from "./openapi.ts";
import { pageHeaders, pageOf } from "./page.ts";
import type { ApiFamily, ApiResponse, Route } from "./route.ts";

/** What tells about the families: an OpenAPI document for each root, and a page. Made when somebody asks for the first time. */
export function documentFamily(families: readonly ApiFamily[]): ApiFamily {
  const documents = [...byRoot(families)].map(([root, together]) =>
    documentRoute(`${root}/openapi.json`, "application/json", { "content-type": "application/json" }, () =>
      JSON.stringify(openApiOf(together, root)),
    ),
  );
  const page = documentRoute("/api", "text/html", pageHeaders, () => pageOf(families));
  return { roots: [""], title: "Documents", version: "1", routes: [...documents, page] };
}

/** Families that share a root share its document. */
function byRoot(families: readonly ApiFamily[]): Map<string, ApiFamily[]> {
  const roots = new Map<string, ApiFamily[]>();
  for (const family of families)
    for (const root of family.roots) roots.set(root, [...(roots.get(root) ?? []), family]);
  return roots;
}

function documentRoute(
  path: string,
  type: string,
  headers: Readonly<Record<string, string>>,
  make: () => string,
): Route {
  let answer: ApiResponse | undefined;
  return {
    method: "get",
    path,
    operationId: path,
    summary: "What is served here",
    scope: undefined,
    responses: { 200: { description: "the document", type } },
    handle() {
      answer ??= answerOf(make(), headers);
      return answer;
    },
  };
}

function answerOf(text: string, headers: Readonly<Record<string, string>>): ApiResponse {
  const body = Buffer.from(text);
  const etag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 16)}"`;
  return { status: 200, headers: { ...headers, etag, "cache-control": "public, no-cache" }, body };
}
