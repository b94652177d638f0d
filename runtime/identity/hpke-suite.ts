/**
 * The cipher suite of sealed texts, in a file of its own: `seal.ts` loads it at the first use, and a bundler that meets the
 * names here leaves out what else the package has.
 */
import { AEAD_AES_256_GCM, CipherSuite, KDF_HKDF_SHA256, KEM_DHKEM_X25519_HKDF_SHA256 } from "hpke";

export function createSuite(): CipherSuite {
  return new CipherSuite(KEM_DHKEM_X25519_HKDF_SHA256, KDF_HKDF_SHA256, AEAD_AES_256_GCM);
}
