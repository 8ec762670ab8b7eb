"""A real link on one machine: two network namespaces, a veth pair, tcpdump in between.

robot 10.77.0.1 ---veth--- host 10.77.0.2     (root and iproute2 needed)
"""

import ctypes
import os
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

# A run of its own beside others.
ROBOT, HOST = f"jcc_robot_{os.getpid()}", f"jcc_host_{os.getpid()}"
_ADDRESSES = {ROBOT: "10.77.0.1", HOST: "10.77.0.2"}
_CLONE_NEWNET = 0x40000000
_DISCOVERY_PAUSE = 5.0  # s
_DATA = {0x15, 0x16}  # DATA, DATA_FRAG
_RTPS_HEADER = 20  # bytes
_ETHERNET = 14  # bytes
_BURST = 1600  # bytes, just more than the largest packet
_PCAP_HEADER = 24  # bytes
_PCAP_RECORD = struct.Struct("<IIII")  # s, us, captured bytes, bytes on the wire


class LinkError(RuntimeError):
    """A link cannot be made here; the message says what is missing."""


def missing() -> str:
    """Say what a link needs and this machine or user lacks, or nothing."""
    if os.geteuid() != 0:
        return "root privileges, for network namespaces"
    absent = [tool for tool in ("ip", "tcpdump") if not shutil.which(tool)]
    return f"{' and '.join(absent)} (apt-get install iproute2 tcpdump)" if absent else ""


@contextmanager
def link() -> Iterator[None]:
    """Make both namespaces and the pair between them; remove them at the end.

    Raises:
        LinkError: what is missing.
    """
    if missing():
        raise LinkError(f"a link needs {missing()}")
    try:
        for name in _ADDRESSES:
            _ip("netns", "add", name)
        _ip("link", "add", "veth", "netns", ROBOT, "type", "veth", "peer", "veth", "netns", HOST)
        for name, address in _ADDRESSES.items():
            _ip("-n", name, "addr", "add", f"{address}/24", "dev", "veth")
            for device in ("lo", "veth"):
                _ip("-n", name, "link", "set", device, "up")
            _ip("-n", name, "route", "add", "default", "dev", "veth")  # for multicast discovery
        yield
    finally:
        _remove()


def limit(bitrate: float, queue: float) -> None:
    """Let the robot's end of the link send no more than that, until `unlimit`.

    Args:
        bitrate: bit/s at the Ethernet layer, 14 bytes a packet more than at the IP layer.
        queue: s that a packet may wait; more are dropped.
    """
    shape = ("tbf", "rate", f"{bitrate:.0f}bit", "burst", f"{_BURST}b", "latency", f"{queue:f}s")
    _run("tc", "-n", ROBOT, "qdisc", "replace", "dev", "veth", "root", *shape)


def unlimit() -> None:
    """Let the link carry all again."""
    _run("tc", "-n", ROBOT, "qdisc", "del", "dev", "veth", "root")


def on_ethernet(packets: int, bits: int) -> int:
    """Return the bits that `limit` counts for IP packets of so many bits together."""
    return bits + 8 * _ETHERNET * packets


def enter(namespace: str) -> None:
    """Move this thread, and what it will start, into a namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open(f"/run/netns/{namespace}") as file:
        if libc.setns(file.fileno(), _CLONE_NEWNET):
            raise LinkError(f"cannot enter {namespace}: {os.strerror(ctypes.get_errno())}")


class Traffic(NamedTuple):
    """What crossed the link at the IP layer.

    Attributes:
        messages: IP packets with data of user topics.
        data_bits: of those packets.
        others: the rest: discovery, heartbeats, acknowledgements of what the robot receives.
        other_bits: of those packets.
    """

    messages: int
    data_bits: int
    others: int
    other_bits: int


class Capture:
    """tcpdump at the host's end, while the context is open.

    Args:
        file: for the packets, in pcap format.
        domain: ROS_DOMAIN_ID, which fixes the ports.
    Raises:
        LinkError: tcpdump captures nothing; the message has what it said.
    """

    def __init__(self, file: Path, domain: int) -> None:
        self._file = file
        self._first_port = 7400 + 250 * domain  # RTPS 2.3, section 9.6.1.1

    def __enter__(self) -> "Capture":
        tcpdump = ["tcpdump", "-i", "veth", "--immediate-mode", "-U", "-w", self._file, "udp"]
        command = ["ip", "netns", "exec", HOST, *tcpdump]
        self._tcpdump = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        said = ""
        for line in self._tcpdump.stderr:
            said += line
            if "listening on" in line:
                return self
        self._tcpdump.communicate()
        raise LinkError(f"tcpdump cannot capture: {said.strip()}")

    def __exit__(self, *_: object) -> None:
        self._tcpdump.terminate()
        self._tcpdump.communicate()

    def traffic(self, start: float, end: float) -> Traffic:
        """Return what went from robot to host between two times (UNIX seconds)."""
        self._await(end)
        robot = socket.inet_aton(_ADDRESSES[ROBOT])
        messages = data = others = other = 0
        for at, packet in _packets(self._file):
            if start <= at < end and packet[12:16] == robot:
                length, udp = int.from_bytes(packet[2:4], "big"), 4 * (packet[0] & 15)
                port = int.from_bytes(packet[udp + 2 : udp + 4], "big")
                # User topics have the odd ports.
                if (port - self._first_port) % 2 and _DATA & _submessages(packet[udp + 8 :]):
                    messages += 1
                    data += 8 * length
                else:
                    others += 1
                    other += 8 * length
        return Traffic(messages, data, others, other)

    def _await(self, end: float) -> None:
        """Wait until something that came after `end` is written: discovery never rests for long."""
        deadline = time.monotonic() + _DISCOVERY_PAUSE
        while time.monotonic() < deadline:
            if any(at > end for at, _ in _packets(self._file)):
                return
            time.sleep(0.1)


def _packets(file: Path) -> Iterator[tuple[float, bytes]]:
    """Yield (UNIX time in s, IP packet) of a pcap file with Ethernet frames."""
    content = file.read_bytes()
    at = _PCAP_HEADER
    while at + _PCAP_RECORD.size <= len(content):
        seconds, fraction, captured, _ = _PCAP_RECORD.unpack_from(content, at)
        at += _PCAP_RECORD.size
        yield seconds + fraction / 1e6, content[at + _ETHERNET : at + captured]
        at += captured


def _submessages(rtps: bytes) -> set[int]:
    """Return the kinds of submessages in an RTPS message (RTPS 2.3, section 9.4)."""
    kinds: set[int] = set()
    at = _RTPS_HEADER
    while rtps.startswith(b"RTPS") and at + 4 <= len(rtps):
        kind, flags = rtps[at], rtps[at + 1]
        size = int.from_bytes(rtps[at + 2 : at + 4], "little" if flags & 1 else "big")
        kinds.add(kind)
        if size == 0:  # reaches to the end of the message
            break
        at += 4 + size
    return kinds


def _remove() -> None:
    for name in _ADDRESSES:
        subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL, check=False)


def _ip(*words: str) -> None:
    _run("ip", *words)


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LinkError(f"{' '.join(words)}: {done.stderr.strip()}")
