#!/usr/bin/env python3
"""A plugin in Python, with the standard library alone: the load of the board, a command that sets the interval, and
one that puts a report into the store of objects.

In node.yaml:

    plugins:
      board:
        exec: ["/usr/bin/python3", "/data/plugins/board/plugin.py"]
        memoryBytes: 64MiB
        points:
          board/load: {}
          board/interval: { access: write, unit: s, schema: { type: number, minimum: 0.01, maximum: 3600 } }
          board/report: { access: write, schema: { type: "null" } }

The node starts it with UMEC_BUS_URL, UMEC_BUS_CREDS, UMEC_COMMANDS and UMEC_PLUGIN in its environment. `Bus` below is all that a
plugin needs of NATS (https://docs.nats.io/reference/reference-protocols/nats-protocol); take it as it is.
"""

import collections
import json
import os
import re
import secrets
import select
import signal
import socket
import sys
import time
from urllib.parse import urlsplit


class Refused(Exception):
    """The node took none of it; `code` says why."""

    def __init__(self, code, text):
        super().__init__(f"{code}: {text}")
        self.code = code


class Bus:
    """The node's bus, as far as a plugin uses it. When it is gone every call raises OSError: let the program end."""

    def __init__(self):
        url = urlsplit(os.environ["UMEC_BUS_URL"])
        with open(os.environ["UMEC_BUS_CREDS"], encoding="ascii") as file:
            jwt = re.search(r"-+BEGIN NATS USER JWT-+\s+(\S+)", file.read()).group(1)
        self.inbox = f"_INBOX_{os.environ['UMEC_PLUGIN']}.{secrets.token_hex(8)}"
        self.session = secrets.token_hex(9)
        self.count = 0
        self.asked = 0
        self.answers = {}
        self.handler = None
        self.buffer = b""
        self.socket = socket.create_connection((url.hostname, url.port), timeout=10)
        self._line()  # INFO
        hello = {"jwt": jwt, "verbose": False, "pedantic": False, "headers": True, "no_responders": True}
        hello |= {"lang": "python", "version": "1", "protocol": 1, "name": os.environ["UMEC_PLUGIN"]}
        self._send(f"CONNECT {json.dumps(hello)}\r\nSUB {self.inbox}.* 1\r\nPING\r\n".encode())
        while not (line := self._line()).startswith(b"PONG"):
            if line.startswith(b"-ERR"):
                raise OSError(line.decode())

    def emit(self, point, records, lane=None):
        """Stores a SenML pack (RFC 8428), a list of dicts; returns when it is on disk. Raises Refused.

        Names in it are below the plugin. What is not answered is sent again; the node stores it once.
        """
        self.count += 1
        headers = {"Umec-Emit": f"{self.session}-{self.count}"}
        kind = "event" if lane == "alarm" else "telemetry"
        if lane == "bulk":
            headers["Umec-Lane"] = lane
        subject = f"{kind}.{point.replace('/', '.')}"
        self._ask(subject, json.dumps(records).encode(), headers)

    def put(self, name, content_type, body):
        """Keeps an object, such as a picture, of at most 16 MiB; returns when it is on disk. Raises Refused."""
        file = secrets.token_hex(8)
        path = os.path.join("objects", file)
        with open(path, "wb") as out:
            out.write(body)
        try:
            request = {"file": file, "name": name, "contentType": content_type}
            self._ask("object.put", json.dumps(request).encode(), {})
        except Refused:
            # An answer that was lost: who has kept the object has taken the file away.
            if os.path.exists(path):
                os.remove(path)
                raise

    def _ask(self, subject, body, headers):
        """Sends it until it is answered."""
        self.asked += 1
        key = str(self.asked)
        while True:
            self.answers[key] = None
            self._publish(subject, body, headers, reply=f"{self.inbox}.{key}")
            deadline = time.monotonic() + 10
            while self.answers[key] is None and time.monotonic() < deadline:
                self.wait(deadline - time.monotonic())
            answer = self.answers.pop(key)
            if answer is not None and "status" not in answer:
                if "umec-error" in answer:
                    raise Refused(answer["umec-error"], answer.get("umec-error-text", ""))
                return
            time.sleep(0.5)  # nobody answered: the node is starting, or busy

    def on_command(self, handler):
        """Calls handler(point, value) for each command; what it returns is the reply, Refused the reply's error."""
        self.handler = handler
        self._send(f"SUB {os.environ['UMEC_COMMANDS']} 2\r\n".encode())

    def wait(self, seconds):
        """Does what comes meanwhile; returns after the first thing, or when the time is over."""
        if b"\r\n" not in self.buffer and not select.select([self.socket], [], [], max(0, seconds))[0]:
            return
        verb, *args = self._line().decode().split()
        if verb == "PING":
            self._send(b"PONG\r\n")
        elif verb in ("MSG", "HMSG"):
            size = int(args[-1])
            block = self._bytes(size + 2)[:size]
            head = int(args[-2]) if verb == "HMSG" else 0
            reply = args[2] if len(args) > (4 if verb == "HMSG" else 3) else None
            self._take(args[0], reply, headers_of(block[:head]), block[head:])
        elif verb == "-ERR":
            print("the bus says:", *args, file=sys.stderr)

    def _take(self, subject, reply, headers, body):
        if subject.startswith(self.inbox):
            key = subject[len(self.inbox) + 1 :]
            if key in self.answers:
                self.answers[key] = headers
            return
        try:
            if float(headers.get("umec-expires", "inf")) < time.time() * 1000:
                raise Refused("COMMAND_EXPIRED", "it came too late")
            value = json.loads(body) if body else None
            answer = self.handler(subject.split(".", 1)[1].replace(".", "/"), value)
            if reply:
                self._publish(reply, json.dumps(answer).encode(), {})
        except (Refused, ValueError, TypeError) as error:
            code = getattr(error, "code", "COMMAND_INVALID")
            text = " ".join(str(error).split())
            if reply:
                self._publish(reply, b"", {"Umec-Error": code, "Umec-Error-Text": text})

    def _publish(self, subject, body, headers, reply=""):
        head = "NATS/1.0\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
        sizes = f"{len(head.encode())} {len(head.encode()) + len(body)}"
        self._send(f"HPUB {subject} {reply} {sizes}\r\n{head}".encode() + body + b"\r\n")

    def _send(self, data):
        self.socket.sendall(data)

    def _line(self):
        while b"\r\n" not in self.buffer:
            self._more()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def _bytes(self, count):
        while len(self.buffer) < count:
            self._more()
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def _more(self):
        data = self.socket.recv(65536)
        if not data:
            raise OSError("the bus closed the connection")
        self.buffer += data


def headers_of(block):
    """NATS/1.0 headers, names in lower case; `status` where the first line has one, as for "no responders"."""
    first, *lines = block.decode().split("\r\n")
    headers = dict(line.split(":", 1) for line in lines if ":" in line)
    headers = {name.lower(): value.strip() for name, value in headers.items()}
    status = first[len("NATS/1.0") :].strip()
    return headers | ({"status": status} if status else {})


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    bus = Bus()
    interval = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    loads = collections.deque(maxlen=1000)

    def command(point, value):
        nonlocal interval
        if point == "board/report":
            name = f"board/loads-{int(time.time())}.csv"
            bus.put(name, "text/csv", "".join(f"{at:.3f},{load}\r\n" for at, load in loads).encode())
            return {"object": name}
        if point != "board/interval":
            raise Refused("COMMAND_UNKNOWN", f"no point {point}")
        if not isinstance(value, (int, float)) or not 0.01 <= value <= 3600:
            raise Refused("BOARD_INTERVAL", f"{value} is no interval of 0.01 to 3600 s")
        interval = float(value)
        return {"seconds": interval}

    bus.on_command(command)
    print("it runs", flush=True)
    due = time.monotonic()
    while True:
        with open("/proc/loadavg", encoding="ascii") as file:
            load = float(file.read().split()[0])
        loads.append((time.time(), load))
        bus.emit("board", [{"n": "board/load", "v": load}, {"n": "board/count", "v": bus.count}])
        due += interval
        while (rest := due - time.monotonic()) > 0:
            bus.wait(rest)
            due = min(due, time.monotonic() + interval)


if __name__ == "__main__":
    main()
