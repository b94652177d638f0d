/**
 * An answer in pages: how the next one is found.
 *
 * A page is asked for only at the origin of the first one, so that an API can't send credentials elsewhere; never
 * twice in a poll, so that a circle ends; and at most `limit` of them are.
 */
import LinkHeader from "http-link-header";
import Type, { type Static } from "typebox";
import { evaluate } from "../common/json-pointer.ts";
import { describe } from "./describe.ts";
import { HttpError, shownUrl } from "./http-error.ts";

const closed = { additionalProperties: false };

/** Pages of a poll, where the options do not say it. */
export const usualPages = 10;

const limit = Type.Optional(
  Type.Integer({
    minimum: 1,
    maximum: 100,
    default: usualPages,
    description: "Most pages of a poll; what comes behind is left out and reported.",
  }),
);

export const pagesSchema = Type.Union(
  [
    Type.Object(
      { kind: Type.Literal("link"), limit },
      { ...closed, description: "The next page stands in the header `Link` with `rel=next` (RFC 8288)." },
    ),
    Type.Object(
      {
        kind: Type.Literal("pointer"),
        pointer: Type.String({
          pattern: "^(/([^~/]|~[01])*)*$",
          description:
            "Where the next page's URL, cursor or number stands (RFC 6901); none, null or empty on the last.",
          examples: ["/next"],
        }),
        parameter: Type.Optional(
          Type.String({
            minLength: 1,
            description: "Parameter of the URL that takes the cursor or number; left out: it is a URL.",
            examples: ["cursor"],
          }),
        ),
        limit,
      },
      { ...closed, description: "The next page stands in the answer." },
    ),
  ],
  { description: "How an answer in pages goes on." },
);

export type Pages = Static<typeof pagesSchema>;

/** What is known of a page when the next one is sought. */
export interface Page {
  /** The URL that answered. */
  url: string;
  document: unknown;
  /** The header `Link`. */
  link: string | null;
}

/** The next page's URL, or `undefined` when this was the last. `first` is the request's. Throws `HTTP_PAGES`. */
export function nextPage(first: string, { url, document, link }: Page, pages: Pages): string | undefined {
  const refuse = (reason: string) =>
    new HttpError("HTTP_PAGES", `the next page of ${shownUrl(first)} ${reason}`, {
      hint: "compare pages with what the API's manual says",
    });
  let next: URL | null;
  if (pages.kind === "link") {
    const target = nextLink(link, refuse);
    if (target === undefined) return undefined;
    next = URL.parse(target, url);
  } else {
    const found = evaluate(document, pages.pointer);
    const value = found.found ? found.value : undefined;
    if (value === undefined || value === null || value === "" || value === false) return undefined;
    if (typeof value !== "string" && typeof value !== "number")
      throw refuse(`is ${describe(value)} at ${pages.pointer}`);
    if (pages.parameter === undefined) next = URL.parse(String(value), url);
    else {
      next = new URL(first);
      next.searchParams.set(pages.parameter, String(value));
    }
  }
  if (!next) throw refuse("is no URL");
  if (next.origin !== new URL(first).origin) throw refuse(`lies at another origin, ${next.origin}`);
  next.hash = "";
  return next.href;
}

function nextLink(header: string | null, refuse: (reason: string) => HttpError): string | undefined {
  if (header === null) return undefined;
  try {
    return LinkHeader.parse(header).rel("next")[0]?.uri;
  } catch {
    throw refuse("stands in a header Link that can't be read");
  }
}
