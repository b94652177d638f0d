"""An I2C adapter for QEMU's virt board: the vhost-user half of it, with the standard library only.

QEMU (-device vhost-user-i2c-pci) hands over the guest's memory and queue as file descriptors on a unix socket, which
Node.js can't receive. So this program takes them, reads the guest's requests out of the queue and passes each on to
the bus, which lives in the test (bus-server.ts), over a second unix socket. It keeps no state of its own but the queue.

Specifications: vhost-user protocol (QEMU, docs/interop/vhost-user.rst), virtio 1.2, sections 2.7 (split queues) and
5.16 (I2C adapter). The queue has few places, so VIRTIO_RING_F_INDIRECT_DESC must be offered: without it a write
followed by a read does not fit and the guest gets EIO.

A transfer that failed is given back whole and from its end: Linux (drivers/i2c/busses/i2c-virtio.c, as of 6.12) stops
waiting at the first message that failed and frees them all, and what is given back later is written into memory that
belongs to somebody else. For the same reason a process of the guest must not be killed (SIGKILL) while it waits for
a stalled chip: its request would be answered later.

While a request is with the bus, QEMU's messages are still answered: a chip that holds the clock for ever must not
hold QEMU. A request whose queue was stopped meanwhile is forgotten, and its late answer dropped (by its number).

On the bus socket, all little endian:
  request  number u32, kind u8 (0 write, 1 read), last u8 (1: a STOP follows), address u16 (7 bit), length u32,
           then `length` bytes if it is a write
  answer   number u32, acknowledged u8, length u32, then `length` bytes that were read

usage: vhost-user-i2c.py <socket for QEMU, made here> <socket of the bus, listening>
Prints "ready" when QEMU may connect; serves one QEMU after the other; ends when the bus closes its socket.
"""

import array
import mmap
import os
import select
import socket
import struct
import sys

F_I2C_ZERO_LENGTH = 1 << 0
F_INDIRECT = 1 << 28
F_PROTOCOL_FEATURES = 1 << 30
F_VERSION_1 = 1 << 32
FEATURES = F_I2C_ZERO_LENGTH | F_INDIRECT | F_PROTOCOL_FEATURES | F_VERSION_1
PROTOCOL_REPLY_ACK = 1 << 3

GET_FEATURES, SET_MEM_TABLE, SET_VRING_NUM, SET_VRING_ADDR, SET_VRING_BASE = 1, 5, 8, 9, 10
GET_VRING_BASE, SET_VRING_KICK, SET_VRING_CALL, SET_VRING_ERR = 11, 12, 13, 14
GET_PROTOCOL_FEATURES, GET_QUEUE_NUM, SET_VRING_ENABLE = 15, 17, 18
VERSION, REPLY, NEED_REPLY = 1, 4, 8
NO_DESCRIPTOR = 1 << 8

DESC_NEXT, DESC_INDIRECT = 1, 4
FAIL_NEXT, READ = 1, 2


class Memory:
    """The guest's memory, by its own addresses and by those of QEMU's process."""

    def __init__(self, regions=()):
        self.regions = list(regions)

    def close(self):
        for *_, view in self.regions:
            view.close()
        self.regions = []

    def find(self, address, length, by_user):
        for guest, size, user, offset, view in self.regions:
            base = user if by_user else guest
            if base <= address and address + length <= base + size:
                return view, offset + address - base
        raise ValueError(f"address {address:#x} + {length} is in no region")

    def read(self, address, length, by_user=False):
        view, at = self.find(address, length, by_user)
        return view[at : at + length]

    def write(self, address, data, by_user=False):
        view, at = self.find(address, len(data), by_user)
        view[at : at + len(data)] = data


class Queue:
    """The one queue: descriptors, available and used ring."""

    def __init__(self):
        self.size = 0
        self.rings = None
        self.next = 0
        self.enabled = False
        self.kick = None
        self.call = None

    def close(self):
        for name in ("kick", "call"):
            self.replace(name, None)

    def replace(self, name, fd):
        old = getattr(self, name)
        if old is not None:
            os.close(old)
        setattr(self, name, fd)

    @property
    def runs(self):
        return self.enabled and self.kick is not None and self.rings is not None and self.size > 0

    def take(self, memory):
        """The next chain as (head, [(address, length)]), or None."""
        descriptors, _, available = self.rings
        (ready,) = struct.unpack("<H", memory.read(available + 2, 2, True))
        if self.next == ready:
            return None
        at = available + 4 + 2 * (self.next % self.size)
        (head,) = struct.unpack("<H", memory.read(at, 2, True))
        self.next = (self.next + 1) & 0xFFFF
        parts, index, table = [], head, None
        for _ in range(1024):
            raw = table[16 * index : 16 * index + 16] if table else memory.read(descriptors + 16 * index, 16, True)
            address, length, flags, following = struct.unpack("<QIHH", raw)
            if flags & DESC_INDIRECT:
                table, index = memory.read(address, length), 0
                continue
            parts.append((address, length))
            if not flags & DESC_NEXT:
                return head, parts
            index = following
        raise ValueError("a descriptor chain without end")

    def give_back(self, memory, chains):
        """Puts (head, bytes written) of chains that are done into the used ring, in this order, at once."""
        _, used, _ = self.rings
        (index,) = struct.unpack("<H", memory.read(used + 2, 2, True))
        for head, written in chains:
            memory.write(used + 4 + 8 * (index % self.size), struct.pack("<II", head, written), True)
            index = (index + 1) & 0xFFFF
        memory.write(used + 2, struct.pack("<H", index), True)
        if self.call is not None:
            os.write(self.call, struct.pack("<Q", 1))


class Adapter:
    """One connection of QEMU, from its start to its end."""

    def __init__(self, qemu, bus, number):
        self.qemu, self.bus, self.number = qemu, bus, number
        self.memory, self.queue = Memory(), Queue()
        self.pending = None
        # Chains of a transfer that failed, from the failed one on.
        self.failed = []

    def serve(self):
        try:
            while True:
                watched = [self.qemu, self.bus.socket]
                if self.queue.kick is not None:
                    watched.append(self.queue.kick)
                for ready in select.select(watched, [], [])[0]:
                    if ready is self.qemu:
                        if not self.message():
                            return
                    elif ready is self.bus.socket:
                        self.answered(*self.bus.receive())
                    elif ready == self.queue.kick:
                        os.read(ready, 8)
                self.advance()
        finally:
            self.queue.close()
            self.memory.close()

    def message(self):
        header, fds = receive_with_fds(self.qemu, 12)
        if header is None:
            return False
        request, flags, size = struct.unpack("<III", header)
        payload = receive(self.qemu, size)
        if payload is None:
            return False
        reply = self.handle(request, payload, fds)
        if reply is None and flags & NEED_REPLY:
            reply = struct.pack("<Q", 0)
        if reply is not None:
            self.qemu.sendall(struct.pack("<III", request, VERSION | REPLY, len(reply)) + reply)
        return True

    def handle(self, request, payload, fds):
        queue = self.queue
        if request == GET_FEATURES:
            return struct.pack("<Q", FEATURES)
        if request == GET_PROTOCOL_FEATURES:
            return struct.pack("<Q", PROTOCOL_REPLY_ACK)
        if request == GET_QUEUE_NUM:
            return struct.pack("<Q", 1)
        if request == SET_MEM_TABLE:
            self.map(payload, fds)
        elif request == SET_VRING_NUM:
            queue.size = struct.unpack("<II", payload)[1]
        elif request == SET_VRING_ADDR:
            _, _, descriptors, used, available, _ = struct.unpack("<IIQQQQ", payload)
            queue.rings = (descriptors, used, available)
        elif request == SET_VRING_BASE:
            queue.next = struct.unpack("<II", payload)[1]
        elif request == SET_VRING_ENABLE:
            queue.enabled = struct.unpack("<II", payload)[1] == 1
        elif request == GET_VRING_BASE:
            # This also stops the queue. What is with the bus is asked for again if the queue goes on.
            taken = len(self.failed) + (self.pending is not None)
            queue.next = (queue.next - taken) & 0xFFFF
            self.pending, self.failed = None, []
            queue.replace("kick", None)
            return struct.pack("<II", 0, queue.next)
        elif request in (SET_VRING_KICK, SET_VRING_CALL):
            (value,) = struct.unpack("<Q", payload)
            fd = None if value & NO_DESCRIPTOR else fds.pop(0)
            queue.replace("kick" if request == SET_VRING_KICK else "call", fd)
        for fd in fds:
            os.close(fd)
        return None

    def map(self, payload, fds):
        self.memory.close()
        (count,) = struct.unpack_from("<I", payload)
        regions = []
        for i in range(count):
            guest, size, user, offset = struct.unpack_from("<QQQQ", payload, 8 + 32 * i)
            regions.append((guest, size, user, offset, mmap.mmap(fds[i], size + offset)))
        self.memory = Memory(regions)

    def advance(self):
        while self.pending is None and self.queue.runs:
            chain = self.queue.take(self.memory)
            if chain is None:
                return
            self.begin(*chain)

    def begin(self, head, parts):
        address, _, flags = struct.unpack("<HHI", self.memory.read(parts[0][0], 8))
        buffer = parts[1] if len(parts) == 3 else (0, 0)
        self.pending = (head, parts[-1][0], buffer, flags)
        # Behind a message that failed, the rest of its transfer fails without reaching the bus (5.16.6.2).
        if self.failed:
            self.finish(False, b"")
            return
        self.number = (self.number + 1) & 0xFFFFFFFF
        is_read = bool(flags & READ)
        data = b"" if is_read or buffer[1] == 0 else self.memory.read(*buffer)
        header = struct.pack("<IBBHI", self.number, is_read, not flags & FAIL_NEXT, address >> 1, buffer[1])
        self.bus.socket.sendall(header + data)

    def answered(self, number, acknowledged, data):
        if self.pending is not None and number == self.number:
            self.finish(acknowledged, data)

    def finish(self, acknowledged, data):
        head, status, (address, length), flags = self.pending
        self.pending = None
        if acknowledged and flags & READ and length > 0:
            self.memory.write(address, data[:length].ljust(length, b"\xff"))
        self.memory.write(status, b"\0" if acknowledged else b"\1")
        chain = (head, 1 + (length if flags & READ else 0))
        if acknowledged:
            self.queue.give_back(self.memory, [chain])
            return
        self.failed.append(chain)
        if flags & FAIL_NEXT and len(self.failed) < self.queue.size:
            return
        self.queue.give_back(self.memory, self.failed[::-1])
        self.failed = []


class Bus:
    """The test's end. When it closes, there is nothing left to do."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)

    def receive(self):
        header = receive(self.socket, 9)
        if header is None:
            sys.exit(0)
        number, acknowledged, length = struct.unpack("<IBI", header)
        return number, bool(acknowledged), receive(self.socket, length) or b""


def receive(source, length):
    """Exactly so many bytes, or None when the other side has closed."""
    data = b""
    while len(data) < length:
        try:
            part = source.recv(length - len(data))
        except ConnectionError:
            return None
        if not part:
            return None
        data += part
    return data


def receive_with_fds(source, length):
    space = socket.CMSG_SPACE(16 * array.array("i").itemsize)
    try:
        data, ancillary, _, _ = source.recvmsg(length, space)
    except ConnectionError:
        return None, []
    fds = array.array("i")
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
    rest = receive(source, length - len(data)) if data else None
    return (None, []) if rest is None else (data + rest, list(fds))


def main():
    listen_path, bus_path = sys.argv[1:3]
    bus = Bus(bus_path)
    listener = socket.socket(socket.AF_UNIX)
    if os.path.exists(listen_path):
        os.unlink(listen_path)
    listener.bind(listen_path)
    listener.listen(4)
    print("ready", flush=True)
    number = 0
    while True:
        for ready in select.select([listener, bus.socket], [], [])[0]:
            if ready is bus.socket:
                bus.receive()
                continue
            qemu, _ = listener.accept()
            adapter = Adapter(qemu, bus, number)
            with qemu:
                try:
                    adapter.serve()
                except (OSError, ValueError, struct.error) as error:
                    # A QEMU that was killed leaves half a message, or rings in memory that is gone.
                    print(f"QEMU's connection ended: {error!r}", file=sys.stderr, flush=True)
            number = adapter.number


main()
