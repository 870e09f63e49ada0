"""What a VM was launched with: a MachineSpec of the schema's as the values of `mayfly.spec`."""

import ipaddress
from dataclasses import dataclass
from typing import Any

from mayfly import results
from mayfly.spec import (
    Boot,
    Disk,
    DiskEngine,
    EgressRule,
    Filter,
    Forward,
    Given,
    IoLimit,
    Net,
    Overlay,
    Pages,
    Prefix,
    RateLimit,
    RateLimits,
    ResourceLimits,
    Spec,
    Tap,
    User,
)


@dataclass(frozen=True, slots=True)
class Inspection:
    """A VM, and what it was launched with. Files have the names that its launcher gave them, which
    may be relative to a directory of the launcher's."""

    info: results.MachineInfo
    spec: Spec


def _rate_limit(reader: Any) -> RateLimit:
    return RateLimit(reader.perSecond, reader.burst)


def _rate_limits(reader: Any) -> RateLimits:
    return RateLimits(_rate_limit(reader.operations), _rate_limit(reader.bytes))


def _overlay(reader: Any) -> Overlay:
    path = reader.upper.file.name if reader.upper.which() == "file" else None
    return Overlay(path, reader.capBytes)


def _disk(reader: Any) -> Disk:
    return Disk(
        path=reader.image.name,
        read_only=reader.readOnly,
        serial=reader.serial,
        engine=results.member(DiskEngine, reader.engine),
        direct=reader.direct,
        overlay=_overlay(reader.overlay) if reader._has("overlay") else None,
        limits=_rate_limits(reader.limits),
    )


def _prefix(reader: Any) -> Prefix:
    return str(ipaddress.ip_network((bytes(reader.address), reader.prefixLength)))


def _rule(reader: Any) -> EgressRule:
    return EgressRule(
        destination=_prefix(reader.destination),
        protocol=results.name_of(reader.protocol),
        ports=(reader.firstPort, reader.lastPort),
    )


def _filter(reader: Any) -> Filter:
    return Filter(
        addresses=tuple(_prefix(address) for address in reader.addresses),
        egress=tuple(_rule(rule) for rule in reader.egress) if reader._has("egress") else None,
    )


def _forward(reader: Any) -> Forward:
    return Forward(reader.host, reader.guest, results.name_of(reader.protocol))


def _backend(net: Any) -> Tap | User | Given | None:
    match net.backend.which():
        case "none":
            return None
        case "tapNamed":
            return Tap(net.backend.tapNamed)
        case "user":
            return User(tuple(_forward(forward) for forward in net.backend.user.forwards))
    return Given(net.name)


def _net(reader: Any) -> Net:
    return Net(
        backend=_backend(reader),
        mac=reader.mac.hex(":"),
        mtu=reader.mtu,
        queue_pairs=reader.queuePairs,
        filter=_filter(reader.filter) if reader._has("filter") else None,
        transmit=_rate_limits(reader.transmit),
        receive=_rate_limits(reader.receive),
    )


def _io_limit(reader: Any) -> IoLimit:
    return IoLimit(
        device=(reader.major, reader.minor),
        read_bytes=reader.readBytes,
        write_bytes=reader.writeBytes,
        read_operations=reader.readOperations,
        write_operations=reader.writeOperations,
    )


def _limits(reader: Any) -> ResourceLimits:
    return ResourceLimits(
        cpus=reader.cpus,
        cpu_weight=reader.cpuWeight,
        cpuset=reader.cpuset,
        memory=reader.memoryBytes,
        pids=reader.pids,
        io=tuple(_io_limit(limit) for limit in reader.io),
    )


def machine_spec(reader: Any) -> Spec:
    return Spec(
        kernel=reader.kernel.name,
        initrd=reader.initrd.name if reader._has("initrd") else None,
        command_line=reader.commandLine,
        boot=results.member(Boot, reader.bootProtocol),
        cpus=reader.cpus,
        memory=reader.memoryBytes,
        pages=results.member(Pages, reader.memoryBacking),
        disks=tuple(_disk(disk) for disk in reader.disks),
        nets=tuple(_net(net) for net in reader.nets),
        timeout=reader.timeoutNanoseconds / 1e9 or None,
        limits=_limits(reader.limits) if reader._has("limits") else None,
        labels=results.labels(reader.labels),
    )


def inspection(answer: Any) -> Inspection:
    return Inspection(results.machine_info(answer.info), machine_spec(answer.spec))
