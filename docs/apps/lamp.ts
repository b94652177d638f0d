/**
 * An application for µMEC: when it freezes it makes the lamp bright, else dim, and keeps a picture of each change.
 *
 *     UMEC_API=https://192.0.2.1:8443 UMEC_APP=frost UMEC_SECRET=… NODE_EXTRA_CA_CERTS=node.crt node lamp.ts
 *
 * It knows no plugin's name: it looks for a thing that measures in Cel, one that can be set in %, and one that has
 * pictures. It needs Node.js 24 and nothing else, and ends after UMEC_READINGS readings, if that is set.
 */
import { writeFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";

interface Form {
  href: string;
  op: string | string[];
  contentType: string;
}
interface Affordance {
  unit?: string;
  readOnly?: boolean;
  forms: Form[];
}
interface Directory {
  securityDefinitions: { oauth2: { token: string; scopes: string[] } };
}
interface Thing {
  title: string;
  base: string;
  properties: Record<string, Affordance>;
}

const api = setting("UMEC_API");
const mostReadings = Number(process.env.UMEC_READINGS ?? Number.POSITIVE_INFINITY);

/** The directory says, to anybody, where a token is had. */
async function getToken(): Promise<string> {
  const directory = (await (await fetch(`${api}/.well-known/wot`)).json()) as Directory;
  const { token, scopes } = directory.securityDefinitions.oauth2;
  const login = Buffer.from(`${setting("UMEC_APP")}:${setting("UMEC_SECRET")}`).toString("base64");
  const answer = await fetch(token, {
    method: "POST",
    headers: { authorization: `Basic ${login}` },
    body: new URLSearchParams({ grant_type: "client_credentials", scope: scopes.join(" ") }),
  });
  if (!answer.ok) throw new Error(`no token: ${answer.status} ${await answer.text()}`);
  return ((await answer.json()) as { access_token: string }).access_token;
}

let token = await getToken();

/** Asks, and once more with a new token when this one is over. */
async function ask(url: string, init: RequestInit = {}): Promise<Response> {
  const send = () => fetch(url, { ...init, headers: { ...init.headers, authorization: `Bearer ${token}` } });
  let answer = await send();
  if (answer.status === 401) {
    token = await getToken();
    answer = await send();
  }
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  return answer;
}

/** The first property that fits, of all things, and the URL of its form for `op` and type. */
function find(things: Thing[], fits: (property: Affordance) => boolean, op: string, type: string): string {
  for (const { title, base, properties } of things) {
    for (const [name, property] of Object.entries(properties)) {
      const form = property.forms.find((each) => each.contentType === type && [each.op].flat().includes(op));
      if (!form || !fits(property)) continue;
      console.log(`found ${title}: ${name}`);
      return new URL(form.href, base).href;
    }
  }
  throw new Error(`no thing has what is needed to ${op} ${type}; may this application use it?`);
}

/** The readings of a property as they come. The node ends a stream now and then: then it is opened anew. */
async function* observe(url: string): AsyncGenerator<{ n: string; v?: number; t?: number }> {
  let last = "";
  for (;;) {
    const headers = { accept: "text/event-stream", ...(last && { "last-event-id": last }) };
    try {
      let text = "";
      for await (const chunk of (await ask(url, { headers })).body!.pipeThrough(new TextDecoderStream())) {
        text += chunk;
        const events = text.split("\n\n");
        text = events.pop()!;
        for (const event of events) {
          last = /^id: (.*)$/m.exec(event)?.[1] ?? last;
          const data = /^data: (.*)$/m.exec(event)?.[1];
          // `event: lost` tells that we were too slow; here that does not matter.
          if (data && !/^event: /m.test(event)) yield* JSON.parse(data);
        }
      }
    } catch (error) {
      console.error(`the stream broke: ${error}`);
    }
    await pause(3_000);
  }
}

const things = (await (await ask(`${api}/things`)).json()) as Thing[];
const temperature = find(things, ({ unit }) => unit === "Cel", "observeproperty", "text/event-stream");
const lamp = find(things, ({ unit }) => unit === "%", "writeproperty", "application/json");
const camera = find(things, () => true, "readproperty", "image/jpeg");

let level: number | undefined;
let readings = 0;
for await (const { v } of observe(temperature)) {
  // A reading without a number is a bad one.
  if (v !== undefined) {
    const wanted = v <= 0 ? 100 : 20;
    if (wanted !== level) {
      const body = JSON.stringify(wanted);
      await ask(lamp, { method: "PUT", headers: { "content-type": "application/json" }, body });
      const picture = await (await ask(camera, { headers: { accept: "image/jpeg" } })).bytes();
      await writeFile(`lamp-${wanted}.jpg`, picture);
      console.log(`${v} °C: the lamp is at ${wanted} %`);
      level = wanted;
    }
  }
  readings++;
  if (readings >= mostReadings) process.exit();
}

function setting(name: string): string {
  const value = process.env[name];
  if (value) return value;
  console.error(`${name} is not set`);
  process.exit(2);
}
