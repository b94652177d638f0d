/** RAUC's and OpenSSL's messages about a bundle (RAUC 1.13, OpenSSL 3.5), in words for whoever made or sent it. */
const words: readonly [said: RegExp, means: string][] = [
  [
    /unable to get (local )?issuer certificate|self-signed certificate/,
    "the bundle is signed by somebody whom this node does not know",
  ],
  [
    /certificate has expired/,
    "the certificate had expired when the bundle was signed; sign with one that is valid",
  ],
  [/certificate is not yet valid/, "the certificate was not yet valid when the bundle was signed"],
  [
    /unsuitable certificate purpose|key usage/i,
    "the bundle is signed by a certificate that is not for code signing",
  ],
  [
    /Compatible mismatch: Expected '(.*)' but bundle manifest has '(.*)'/,
    "the bundle is for $2, and this is $1",
  ],
  [
    /Version mismatch: Expected at least '(.*)' but bundle manifest has '(.*)'/,
    "$2 is older than $1, which runs",
  ],
  [
    /[Ss]ignature|CMS|asn1|verification fail/,
    "the bundle's signature does not fit: it is damaged, or was changed",
  ],
  [/manifest|format|squashfs|size/i, "the bundle is damaged, or not in a form that this node knows"],
];

/** For people; with RAUC's own message, without which nobody could look further. */
export function wordsFor(said: string): string {
  // Root's own words, with RAUC's behind them.
  if (said.startsWith("the permit")) return said;
  for (const [pattern, means] of words) {
    const match = pattern.exec(said);
    if (match) return `${means.replace(/\$(\d)/g, (_, index) => match[Number(index)] ?? "")} (RAUC: ${said})`;
  }
  return said;
}
