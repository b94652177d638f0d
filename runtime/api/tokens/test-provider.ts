/** For tests: an identity provider on loopback, as far as OpenID Connect Discovery goes. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from "jose";

export interface TestProvider {
  url: string;
  /** What it answers as its metadata; to be changed. */
  metadata: Record<string, unknown>;
  /** Paths that were asked for. */
  asked: string[];
  /** Makes another key that signs from now on; the old ones are not published any more. */
  rotate(kid: string): Promise<void>;
  /** Signs with the key. */
  sign(claims: JWTPayload, header?: object): Promise<string>;
  keys: JWK[];
  close(): Promise<void>;
  /** At the same address again. */
  open(): Promise<void>;
}

export async function startProvider(): Promise<TestProvider> {
  const asked: string[] = [];
  let key!: CryptoKey;
  let kid = "";
  let port = 0;
  const server = createServer((request, response) => {
    asked.push(request.url!);
    const body = request.url === "/jwks" ? { keys: provider.keys } : provider.metadata;
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  const provider: TestProvider = {
    url: "",
    metadata: {},
    asked,
    keys: [],
    async rotate(name) {
      const pair = await generateKeyPair("RS256");
      key = pair.privateKey;
      kid = name;
      provider.keys = [{ ...(await exportJWK(pair.publicKey)), kid, use: "sig", alg: "RS256" }];
    },
    sign: (claims, header = {}) =>
      new SignJWT(claims).setProtectedHeader({ alg: "RS256", kid, ...header }).sign(key),
    async open() {
      server.listen(port, "127.0.0.1");
      await once(server, "listening");
      ({ port } = server.address() as AddressInfo);
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
  await provider.rotate("first");
  await provider.open();
  provider.url = `http://127.0.0.1:${port}`;
  provider.metadata = { issuer: provider.url, jwks_uri: `${provider.url}/jwks` };
  return provider;
}
