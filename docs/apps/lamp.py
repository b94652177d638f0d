"""An application for µMEC: when it freezes it makes the lamp bright, else dim, and keeps a picture of each change.

    UMEC_API=https://192.0.2.1:8443 UMEC_APP=frost UMEC_SECRET=… UMEC_CA=node.crt python3 lamp.py

It knows no plugin's name: it looks for a thing that measures in Cel, one that can be set in %, and one that has
pictures. It needs Python 3.9 and nothing else, and ends after UMEC_READINGS readings, if that is set.
"""

import base64
import json
import os
import ssl
import sys
import time
import urllib.error
import urllib.parse
import urllib.request


def setting(name):
    if not os.environ.get(name):
        sys.exit(f"{name} is not set")
    return os.environ[name]


API = setting("UMEC_API")
TLS = ssl.create_default_context(cafile=os.environ.get("UMEC_CA"))
MOST_READINGS = float(os.environ.get("UMEC_READINGS", "inf"))
# A stream shows a sign of life every 15 seconds.
SILENCE_S = 40


def send(url, method="GET", body=None, **headers):
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, data=body, headers=fields, method=method)
    return urllib.request.urlopen(request, timeout=SILENCE_S, context=TLS)


def get_token():
    """The directory says, to anybody, where a token is had."""
    oauth2 = json.load(send(f"{API}/.well-known/wot"))["securityDefinitions"]["oauth2"]
    login = base64.b64encode(f"{setting('UMEC_APP')}:{setting('UMEC_SECRET')}".encode()).decode()
    form = {"grant_type": "client_credentials", "scope": " ".join(oauth2["scopes"])}
    body = urllib.parse.urlencode(form).encode()
    return json.load(send(oauth2["token"], "POST", body, authorization=f"Basic {login}"))["access_token"]


token = get_token()


def ask(url, method="GET", body=None, **headers):
    """Asks, and once more with a new token when this one is over."""
    global token
    try:
        return send(url, method, body, authorization=f"Bearer {token}", **headers)
    except urllib.error.HTTPError as error:
        if error.code != 401:
            raise RuntimeError(f"{url}: {error.code} {error.read().decode()}") from error
    token = get_token()
    return send(url, method, body, authorization=f"Bearer {token}", **headers)


def find(things, fits, op, content_type):
    """The first property that fits, of all things: the URL of its form for `op` and type."""
    for thing in things:
        for name, prop in thing["properties"].items():
            for form in prop["forms"]:
                ops = form["op"] if isinstance(form["op"], list) else [form["op"]]
                if form["contentType"] == content_type and op in ops and fits(prop):
                    print(f"found {thing['title']}: {name}")
                    return urllib.parse.urljoin(thing["base"], form["href"])
    raise RuntimeError(f"no thing has what is needed to {op} {content_type}; may this application use it?")


def observe(url):
    """The readings of a property as they come. The node ends a stream now and then: then it is opened anew."""
    last = {}
    while True:
        try:
            kind, data = "message", ""
            for line in ask(url, accept="text/event-stream", **last):
                field, _, value = line.decode().rstrip("\n").partition(": ")
                if field == "id":
                    last = {"last_event_id": value}
                elif field == "event":
                    kind = value
                elif field == "data":
                    data = value
                elif field == "":
                    # `lost` tells that we were too slow; here that does not matter.
                    if data and kind == "message":
                        yield from json.loads(data)
                    kind, data = "message", ""
        except (OSError, RuntimeError) as error:
            print(f"the stream broke: {error}", file=sys.stderr)
        time.sleep(3)


def main():
    things = json.load(ask(f"{API}/things"))
    temperature = find(things, lambda p: p.get("unit") == "Cel", "observeproperty", "text/event-stream")
    lamp = find(things, lambda p: p.get("unit") == "%", "writeproperty", "application/json")
    camera = find(things, lambda p: True, "readproperty", "image/jpeg")

    level = None
    for count, reading in enumerate(observe(temperature), start=1):
        # A reading without a number is a bad one.
        if "v" in reading:
            wanted = 100 if reading["v"] <= 0 else 20
            if wanted != level:
                ask(lamp, "PUT", json.dumps(wanted).encode(), content_type="application/json")
                with open(f"lamp-{wanted}.jpg", "wb") as file:
                    file.write(ask(camera, accept="image/jpeg").read())
                print(f"{reading['v']} °C: the lamp is at {wanted} %", flush=True)
                level = wanted
        if count >= MOST_READINGS:
            return


if __name__ == "__main__":
    main()
