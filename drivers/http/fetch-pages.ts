import type { Validators } from "./conditional.ts";
import { type Fetched, fetchJson, type JsonRequest } from "./fetch-json.ts";
import { HttpError, shownUrl } from "./http-error.ts";
import type { Problem } from "./notices.ts";
import { nextPage, type Pages, usualPages } from "./pages.ts";

export type PagesFetched =
  | {
      changed: true;
      /** The pages in order; one for an answer without. */
      documents: unknown[];
      validators: Validators | undefined;
      /** There were more pages than are asked for. */
      problem?: Problem;
    }
  | { changed: false };

export interface PagesRequest extends JsonRequest {
  pages?: Pages | undefined;
}

/** Asks for a document and, if it has `pages`, for those behind it. Rejects as {@link fetchJson}, or with `HTTP_PAGES`. */
export async function fetchPages({ pages, ...request }: PagesRequest): Promise<PagesFetched> {
  if (!pages) {
    const one = await fetchJson(request);
    return one.changed ? { changed: true, documents: [one.document], validators: one.validators } : one;
  }
  const { limit = usualPages } = pages;
  const documents: unknown[] = [];
  const seen = new Set<string>();
  let url: string | undefined = request.url;
  while (url !== undefined) {
    if (documents.length === limit) {
      const message = `${shownUrl(request.url)} has more than ${limit} pages; these are read`;
      return {
        changed: true,
        documents,
        validators: undefined,
        problem: { topic: "pages", kind: "limit", message, hint: "raise the limit of pages" },
      };
    }
    if (seen.has(url))
      throw new HttpError("HTTP_PAGES", `the pages of ${shownUrl(request.url)} go in a circle`, {
        detail: "circle",
      });
    seen.add(url);
    const page: Fetched = await fetchJson({ ...request, url, validators: undefined });
    // Nothing was asked on a condition.
    if (!page.changed) break;
    documents.push(page.document);
    url = nextPage(request.url, page, pages);
  }
  return { changed: true, documents, validators: undefined };
}
