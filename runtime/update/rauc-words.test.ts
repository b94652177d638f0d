import assert from "node:assert/strict";
import { test } from "node:test";
import { wordsFor } from "./rauc-words.ts";

const cases: [said: string, means: RegExp][] = [
  [
    "signature verification failed: Verify error: unable to get local issuer certificate",
    /^the bundle is signed by somebody whom this node does not know \(RAUC: signature verification failed: /,
  ],
  [
    "Compatible mismatch: Expected 'umec-virt' but bundle manifest has 'umec-rpi'",
    /^the bundle is for umec-rpi, and this is umec-virt /,
  ],
  [
    "Version mismatch: Expected at least '1.3.2' but bundle manifest has '1.3.1'",
    /^1\.3\.1 is older than 1\.3\.2, which runs /,
  ],
  ["Verify error: certificate has expired", /^the certificate had expired when the bundle was signed/],
  [
    "the permit is not valid: signature verification failed",
    /^the permit is not valid: signature verification failed$/,
  ],
  ["/data/umec/update/incoming/b.raucb is no file", /^\/data\/umec\/update\/incoming\/b\.raucb is no file$/],
];

for (const [said, means] of cases) test(`words for: ${said}`, () => assert.match(wordsFor(said), means));
