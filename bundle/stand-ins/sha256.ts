import { createHash } from "node:crypto";

/** `js-sha256` on Node's own hash, as far as `@nats-io/obj` uses it. */
const sha256 = {
  create() {
    const hash = createHash("sha256");
    return {
      update(bytes: Uint8Array) {
        hash.update(bytes);
      },
      digest: () => hash.digest(),
    };
  },
};

export default { sha256 };
