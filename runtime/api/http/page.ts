import { createHash } from "node:crypto";
import type { ApiFamily, Route } from "./route.ts";

const style = `
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
td { border-top: 1px solid #ccc; padding: .3rem .8rem .3rem 0; vertical-align: top }
code { font-size: .9em } .scope { color: #666; white-space: nowrap }
`;

/** Nothing from elsewhere, no scripts, no forms, in nobody's frame. */
export const pageHeaders = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy": `default-src 'none'; style-src 'sha256-${createHash("sha256").update(style).digest("base64")}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  "referrer-policy": "no-referrer",
} as const;

/** All that is served, for people. */
export function pageOf(families: readonly ApiFamily[]): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>APIs of this node</title>
<style>${style}</style>
<h1>APIs of this node</h1>
<p>Each one asks for an access token with the scope that is named, but where there is none. An application gets it for its
name and secret at <code>/oauth2/v1/token</code>.</p>
${families.map(section).join("\n")}
</html>
`;
}

function section({ title, version, roots, routes }: ApiFamily): string {
  const links = roots.map((root) => `<a href="${escaped(root)}/openapi.json">${escaped(root || "/")}</a>`);
  return `<h2>${escaped(title)} ${escaped(version)}</h2>
<p>OpenAPI: ${links.join(", ")}</p>
<table>
${routes.map((route) => row(route, roots[0] ?? "")).join("\n")}
</table>`;
}

function row({ method, path, summary, scope }: Route, root: string): string {
  const operation = `<code>${method.toUpperCase()} ${escaped(root + path)}</code>`;
  return `<tr><td>${operation}<td>${escaped(summary)}<td class="scope">${escaped(scope ?? "")}`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
