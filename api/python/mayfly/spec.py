"""What a virtual machine is to be: the schema's MachineSpec as plain values.

Sizes are in bytes and rates in units a second. Files are named by their paths; the host opens them
with the rights of whoever asks.
"""

import ipaddress
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

from mayfly.schema import fill, rpc

MIB = 1 << 20
GIB = 1 << 30
# As `mayfly run` has it: Linux shows what it does on the console, and ends the VM when it reboots
# or panics.
LINUX_COMMAND_LINE = "console=ttyS0 reboot=k panic=-1 quiet"
_NANOSECONDS = 1_000_000_000
_MAC = re.compile("[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}")

Path: TypeAlias = str | os.PathLike[str]
# As ipaddress writes them: "10.0.0.0/8", "2001:db8::1".
Prefix: TypeAlias = str
Fields: TypeAlias = dict[str, Any]


def _file(path: Path) -> Fields:
    # The host has a working directory of its own.
    return {"name": os.path.abspath(path)}


def _mac(text: str) -> bytes:
    if text and not _MAC.fullmatch(text):
        raise ValueError(f"{text!r} is no MAC address such as 02:00:00:00:00:01")
    return bytes.fromhex(text.replace(":", ""))


def _nanoseconds(seconds: float | None) -> int:
    try:
        return round((seconds or 0) * _NANOSECONDS)
    except OverflowError:
        raise ValueError("an infinite timeout: None is without") from None


def _prefix(text: Prefix) -> Fields:
    network = ipaddress.ip_network(text)
    return {"address": network.network_address.packed, "prefixLength": network.prefixlen}


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `per_second`, and `burst` at once (0: what a second brings)."""

    per_second: int = 0
    burst: int = 0

    def encode(self) -> Fields:
        return {"perSecond": self.per_second, "burst": self.burst}


@dataclass(frozen=True, slots=True)
class RateLimits:
    """What is admitted: requests (of a disk) or packets (of a card), and their bytes."""

    operations: RateLimit = RateLimit()
    bytes: RateLimit = RateLimit()

    def encode(self) -> Fields:
        return {"operations": self.operations.encode(), "bytes": self.bytes.encode()}


class DiskEngine(StrEnum):
    AUTO = "auto"
    SYNC = "sync"
    IO_URING = "ioUring"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Overlay:
    """A layer that takes what the guest writes, in memory or in the file `path`."""

    path: Path | None = None
    cap: int = 0

    def encode(self) -> Fields:
        upper: Fields = {"memory": None} if self.path is None else {"file": _file(self.path)}
        return {"upper": upper, "capBytes": self.cap}


@dataclass(frozen=True, slots=True)
class Disk:
    """A raw image or block device."""

    path: Path
    read_only: bool = False
    serial: str = ""
    engine: DiskEngine = DiskEngine.AUTO
    direct: bool = False
    overlay: Overlay | None = None
    limits: RateLimits = RateLimits()

    def encode(self) -> Fields:
        fields: Fields = {
            "image": _file(self.path),
            "readOnly": self.read_only,
            "serial": self.serial,
            "engine": self.engine.value,
            "direct": self.direct,
            "limits": self.limits.encode(),
        }
        if self.overlay is not None:
            fields["overlay"] = self.overlay.encode()
        return fields


@dataclass(frozen=True, slots=True)
class EgressRule:
    """Packets that may leave. `ports`, both ends included, is for "tcp" and "udp"."""

    destination: Prefix
    protocol: str = "any"
    ports: tuple[int, int] = (0, 65535)

    def encode(self) -> Fields:
        return {
            "destination": _prefix(self.destination),
            "protocol": self.protocol,
            "firstPort": self.ports[0],
            "lastPort": self.ports[1],
        }


@dataclass(frozen=True, slots=True)
class Filter:
    """What a guest may send: from `addresses`, where any are given; and where `egress` is given, be it
    empty, only what one of its rules allows."""

    addresses: Sequence[Prefix] = ()
    egress: Sequence[EgressRule] | None = None

    def encode(self) -> Fields:
        fields: Fields = {"addresses": [_prefix(text) for text in self.addresses]}
        if self.egress is not None:
            fields["egress"] = [rule.encode() for rule in self.egress]
        return fields


@dataclass(frozen=True, slots=True)
class Tap:
    """A tap interface of the host's, which is your user's."""

    name: str

    def encode(self) -> Fields:
        return {"tapNamed": self.name}


@dataclass(frozen=True, slots=True)
class Forward:
    """The port `host` of the host leads to `guest` (0: the same) of the guest's."""

    host: int
    guest: int = 0
    protocol: str = "tcp"

    def encode(self) -> Fields:
        return {"protocol": self.protocol, "host": self.host, "guest": self.guest}


@dataclass(frozen=True, slots=True)
class User:
    """The connections of your user, by passt."""

    forwards: Sequence[Forward] = ()

    def encode(self) -> Fields:
        return {"user": {"forwards": [forward.encode() for forward in self.forwards]}}


@dataclass(frozen=True, slots=True)
class Given:
    """What another launcher has handed over open, by its name for people: of a VM that is inspected.
    Python's RPC library cannot send such a thing."""

    name: str

    def encode(self) -> Fields:
        raise ValueError(f"{self.name!r} was handed over open, which cannot be done from here")


@dataclass(frozen=True, slots=True)
class Net:
    """A network card. Without a `backend` its cable ends nowhere."""

    backend: Tap | User | Given | None = None
    mac: str = ""
    mtu: int = 0
    queue_pairs: int = 1
    filter: Filter | None = None
    transmit: RateLimits = RateLimits()
    receive: RateLimits = RateLimits()

    def encode(self) -> Fields:
        fields: Fields = {
            "backend": {"none": None} if self.backend is None else self.backend.encode(),
            "mac": _mac(self.mac),
            "mtu": self.mtu,
            "queuePairs": self.queue_pairs,
            "transmit": self.transmit.encode(),
            "receive": self.receive.encode(),
        }
        if self.filter is not None:
            fields["filter"] = self.filter.encode()
        return fields


@dataclass(frozen=True, slots=True)
class IoLimit:
    """What may go to and from one disk of the host's, `device` (major, minor), in a second."""

    device: tuple[int, int]
    read_bytes: int = 0
    write_bytes: int = 0
    read_operations: int = 0
    write_operations: int = 0

    def encode(self) -> Fields:
        return {
            "major": self.device[0],
            "minor": self.device[1],
            "readBytes": self.read_bytes,
            "writeBytes": self.write_bytes,
            "readOperations": self.read_operations,
            "writeOperations": self.write_operations,
        }


@dataclass(frozen=True, slots=True)
class ResourceLimits:
    """What the VM may take of the host (its cgroup); what is 0 or empty is not limited."""

    cpus: float = 0.0
    cpu_weight: int = 0
    cpuset: str = ""
    memory: int = 0
    pids: int = 0
    io: Sequence[IoLimit] = ()

    def encode(self) -> Fields:
        return {
            "cpus": self.cpus,
            "cpuWeight": self.cpu_weight,
            "cpuset": self.cpuset,
            "memoryBytes": self.memory,
            "pids": self.pids,
            "io": [limit.encode() for limit in self.io],
        }


class Boot(StrEnum):
    """How a kernel is entered. AUTO: PVH where it offers that, otherwise what its format says."""

    AUTO = "auto"
    PVH = "pvh"
    LINUX64 = "linux64"
    UNKNOWN = "unknown"


class Pages(StrEnum):
    """What a guest's memory is made of. RESERVED: of the host's huge pages. MEMFD: small pages of a
    file in memory."""

    SMALL = "anonymous"
    MEMFD = "memfd"
    TRANSPARENT = "transparentHuge"
    RESERVED = "hugeTlb"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Spec:
    """A virtual machine. `timeout` is in seconds, from the start to a forced end; None: none."""

    kernel: Path
    initrd: Path | None = None
    command_line: str = LINUX_COMMAND_LINE
    boot: Boot = Boot.AUTO
    cpus: int = 1
    memory: int = 128 * MIB
    pages: Pages = Pages.SMALL
    disks: Sequence[Disk] = ()
    nets: Sequence[Net] = ()
    timeout: float | None = None
    limits: ResourceLimits | None = None
    labels: Mapping[str, str] = field(default_factory=dict)

    def encode(self) -> Any:
        """The schema's MachineSpec. Errors: ValueError for what cannot be meant."""
        fields: Fields = {
            "cpus": self.cpus,
            "memoryBytes": self.memory,
            "kernel": _file(self.kernel),
            "commandLine": self.command_line,
            "bootProtocol": self.boot.value,
            "memoryBacking": self.pages.value,
            "disks": [disk.encode() for disk in self.disks],
            "nets": [net.encode() for net in self.nets],
            "timeoutNanoseconds": _nanoseconds(self.timeout),
            "labels": encode_labels(self.labels),
        }
        if self.initrd is not None:
            fields["initrd"] = _file(self.initrd)
        if self.limits is not None:
            fields["limits"] = self.limits.encode()
        spec = rpc.MachineSpec.new_message()
        fill(spec, fields)
        return spec


def encode_labels(labels: Mapping[str, str]) -> list[Fields]:
    return [{"name": name, "value": value} for name, value in labels.items()]
