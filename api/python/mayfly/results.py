"""What Mayfly answers, as plain values. Times are nanoseconds of the host's CLOCK_MONOTONIC."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

E = TypeVar("E", bound=StrEnum)
# What a newer service says that this library has no word for.
_UNKNOWN = "unknown"


class ExitReason(StrEnum):
    STATUS = "status"
    POWER_OFF = "powerOff"
    RESET = "reset"
    TRIPLE_FAULT = "tripleFault"
    GUEST_PANIC = "guestPanic"
    KILLED = "killed"
    TIMEOUT = "timeout"
    INTERNAL_ERROR = "internalError"
    VIOLATION = "violation"
    OUT_OF_MEMORY = "outOfMemory"
    UNKNOWN = _UNKNOWN


class MachineState(StrEnum):
    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    ENDED = "ended"
    UNKNOWN = _UNKNOWN


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """How a VM ended. `status` is the guest's own, for the reason STATUS."""

    reason: ExitReason
    status: int
    detail: str

    @property
    def ok(self) -> bool:
        """Whether the guest ended by itself, and well."""
        return self.reason is ExitReason.POWER_OFF or (
            self.reason is ExitReason.STATUS and self.status == 0
        )


@dataclass(frozen=True, slots=True)
class RunResult:
    """A VM from its start to its end."""

    exit: ExitStatus
    output: bytes


@dataclass(frozen=True, slots=True)
class Event:
    sequence: int
    nanoseconds: int
    kind: str
    text: str
    machine: int
    name: str
    exit: ExitStatus | None  # of "exited"


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    step: str
    nanoseconds: int


@dataclass(frozen=True, slots=True)
class DiskStats:
    reads: int
    writes: int
    flushes: int
    discards: int
    write_zeroes: int
    read_bytes: int
    written_bytes: int
    errors: int
    throttled: int
    capacity: int
    overlay_bytes: int


@dataclass(frozen=True, slots=True)
class NetDirectionStats:
    packets: int
    bytes: int
    throttled: int
    drops: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class NetStats:
    mac: str
    transmit: NetDirectionStats
    receive: NetDirectionStats


@dataclass(frozen=True, slots=True)
class MachineStats:
    state: MachineState
    cpu_nanoseconds: int
    resident_bytes: int
    disks: tuple[DiskStats, ...]
    nets: tuple[NetStats, ...]
    console_bytes: int
    events: int


@dataclass(frozen=True, slots=True)
class MachineInfo:
    """A VM as its host lists it. `launched_at` is in seconds since the epoch."""

    id: int
    name: str
    labels: Mapping[str, str]
    state: MachineState
    cpus: int
    memory: int
    launched_at: float
    detached: bool
    exit: ExitStatus | None
    owner: int
    pid: int
    resident_bytes: int
    cpu_nanoseconds: int


@dataclass(frozen=True, slots=True)
class HostCapacity:
    """What there is, and what there may be (`..._most`; 0: no limit but the host's)."""

    machines: int
    machines_most: int
    memory_bytes: int
    memory_bytes_most: int
    host_memory_bytes: int
    cpus: int
    cpus_most: int
    host_cpus: int
    open_files: int
    open_files_most: int
    connections: int
    connections_most: int


@dataclass(frozen=True, slots=True)
class LatencyBucket:
    """How many took up to so long, and longer than the bucket before; 0: all that is longer."""

    up_to_microseconds: int
    count: int


@dataclass(frozen=True, slots=True)
class StepLatency:
    """How long after the launch was asked for `step` was reached."""

    step: str
    count: int
    sum_microseconds: int
    buckets: tuple[LatencyBucket, ...]


@dataclass(frozen=True, slots=True)
class HostStats:
    """What a host service has done since it was started, and the states that its VMs are in."""

    version: str
    uptime_nanoseconds: int
    launches: int
    failures: int
    exits: Mapping[ExitReason, int]
    created: int
    running: int
    paused: int
    ended: int
    connections: int
    latencies: tuple[StepLatency, ...]


def name_of(enumerant: Any) -> str:
    """The schema's name for it, or "unknown"."""
    try:
        return str(enumerant)
    except RuntimeError:  # The RPC library's, for a number that has no name.
        return _UNKNOWN


def member(kind: type[E], enumerant: Any) -> E:
    """That of `kind`; its "unknown" for what this library has no word for."""
    try:
        return kind(name_of(enumerant))
    except ValueError:
        return kind(_UNKNOWN)


def labels(reader: Any) -> dict[str, str]:
    return {label.name: label.value for label in reader}


def exit_status(reader: Any) -> ExitStatus:
    return ExitStatus(member(ExitReason, reader.reason), reader.status, reader.detail)


def event(reader: Any) -> Event:
    return Event(
        sequence=reader.sequence,
        nanoseconds=reader.nanoseconds,
        kind=name_of(reader.kind),
        text=reader.text,
        machine=reader.machine,
        name=reader.name,
        exit=exit_status(reader.exit) if reader._has("exit") else None,
    )


def _disk(reader: Any) -> DiskStats:
    return DiskStats(
        reads=reader.reads,
        writes=reader.writes,
        flushes=reader.flushes,
        discards=reader.discards,
        write_zeroes=reader.writeZeroes,
        read_bytes=reader.readBytes,
        written_bytes=reader.writtenBytes,
        errors=reader.errors,
        throttled=reader.throttled,
        capacity=reader.capacity,
        overlay_bytes=reader.overlayBytes,
    )


def _direction(reader: Any) -> NetDirectionStats:
    return NetDirectionStats(
        packets=reader.packets,
        bytes=reader.bytes,
        throttled=reader.throttled,
        drops={drop.reason: drop.frames for drop in reader.drops},
    )


def machine_stats(reader: Any) -> MachineStats:
    return MachineStats(
        state=member(MachineState, reader.state),
        cpu_nanoseconds=reader.cpuNanoseconds,
        resident_bytes=reader.residentBytes,
        disks=tuple(_disk(disk) for disk in reader.disks),
        nets=tuple(
            NetStats(
                mac=reader_net.mac.hex(":"),
                transmit=_direction(reader_net.transmit),
                receive=_direction(reader_net.receive),
            )
            for reader_net in reader.nets
        ),
        console_bytes=reader.consoleBytes,
        events=reader.events,
    )


def machine_info(reader: Any) -> MachineInfo:
    return MachineInfo(
        id=reader.id,
        name=reader.name,
        labels=labels(reader.labels),
        state=member(MachineState, reader.state),
        cpus=reader.cpus,
        memory=reader.memoryBytes,
        launched_at=reader.launchedAt / 1e9,
        detached=reader.detached,
        exit=exit_status(reader.exit) if reader._has("exit") else None,
        owner=reader.owner,
        pid=reader.pid,
        resident_bytes=reader.residentBytes,
        cpu_nanoseconds=reader.cpuNanoseconds,
    )


def host_capacity(reader: Any) -> HostCapacity:
    return HostCapacity(
        machines=reader.machines,
        machines_most=reader.machinesMost,
        memory_bytes=reader.memoryBytes,
        memory_bytes_most=reader.memoryBytesMost,
        host_memory_bytes=reader.hostMemoryBytes,
        cpus=reader.cpus,
        cpus_most=reader.cpusMost,
        host_cpus=reader.hostCpus,
        open_files=reader.openFiles,
        open_files_most=reader.openFilesMost,
        connections=reader.connections,
        connections_most=reader.connectionsMost,
    )


def _exits(reader: Any) -> dict[ExitReason, int]:
    counts: dict[ExitReason, int] = {}
    for entry in reader:
        reason = member(ExitReason, entry.reason)
        # Several may be unknown.
        counts[reason] = counts.get(reason, 0) + entry.count
    return counts


def _latency(reader: Any) -> StepLatency:
    return StepLatency(
        step=name_of(reader.step),
        count=reader.count,
        sum_microseconds=reader.sumMicroseconds,
        buckets=tuple(
            LatencyBucket(bucket.upToMicroseconds, bucket.count) for bucket in reader.buckets
        ),
    )


def host_stats(reader: Any) -> HostStats:
    return HostStats(
        version=reader.version,
        uptime_nanoseconds=reader.uptimeNanoseconds,
        launches=reader.launches,
        failures=reader.failures,
        exits=_exits(reader.exits),
        created=reader.created,
        running=reader.running,
        paused=reader.paused,
        ended=reader.ended,
        connections=reader.connections,
        latencies=tuple(_latency(latency) for latency in reader.latencies),
    )
