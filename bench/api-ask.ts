/** Single requests of benches to an API. */
import { once } from "node:events";
import { request } from "node:https";
import { json } from "node:stream/consumers";
import type { Target } from "./api-load.ts";
import { benchApp, secret } from "./api-words.ts";

/** Sends `body` by POST where there is one. */
export async function ask(target: Target, path: string, body?: object): Promise<unknown> {
  return send(target, path, body === undefined ? undefined : JSON.stringify(body), "application/json");
}

export async function tokenOf(target: Target): Promise<string> {
  const form = new URLSearchParams({
    grant_type: "client_credentials",
    client_id: benchApp.name,
    client_secret: secret,
  });
  const { access_token } = (await send(
    target,
    "/oauth2/v1/token",
    form.toString(),
    "application/x-www-form-urlencoded",
  )) as {
    access_token: string;
  };
  return access_token;
}

async function send(target: Target, path: string, body: string | undefined, type: string): Promise<unknown> {
  const sent = { ...target.headers, ...(body !== undefined && { "content-type": type }) };
  const place = {
    host: "127.0.0.1",
    port: target.port,
    ca: target.cert,
    rejectUnauthorized: target.cert !== "",
    agent: false,
    path,
  };
  const asking = request({ ...place, method: body === undefined ? "GET" : "POST", headers: sent });
  asking.end(body);
  const [answer] = await once(asking, "response");
  const value = await json(answer);
  if (answer.statusCode >= 300)
    throw new Error(`${path} answers ${answer.statusCode}: ${JSON.stringify(value)}`);
  return value;
}
