"""Mayfly's virtual machines, from Python.

    import mayfly

    with mayfly.Host() as host:
        with host.launch(mayfly.Spec(kernel="/srv/vmlinux")) as vm:
            print(vm.wait())

`Host` blocks its caller; `mayfly.aio.Host` is the same for asyncio. Errors are `mayfly.Error`.
"""

from mayfly.blocking import Console, Events, Host, Machine
from mayfly.errors import Error
from mayfly.inspection import Inspection
from mayfly.results import (
    DiskStats,
    Event,
    ExitReason,
    ExitStatus,
    HostCapacity,
    HostStats,
    LatencyBucket,
    MachineInfo,
    MachineState,
    MachineStats,
    NetDirectionStats,
    NetStats,
    RunResult,
    StepLatency,
    TimelineEntry,
)
from mayfly.spec import (
    GIB,
    LINUX_COMMAND_LINE,
    MIB,
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
    RateLimit,
    RateLimits,
    ResourceLimits,
    Spec,
    Tap,
    User,
)

__all__ = [
    "GIB",
    "LINUX_COMMAND_LINE",
    "MIB",
    "Boot",
    "Console",
    "Disk",
    "DiskEngine",
    "DiskStats",
    "EgressRule",
    "Error",
    "Event",
    "Events",
    "ExitReason",
    "ExitStatus",
    "Filter",
    "Forward",
    "Given",
    "Host",
    "HostCapacity",
    "HostStats",
    "Inspection",
    "IoLimit",
    "LatencyBucket",
    "Machine",
    "MachineInfo",
    "MachineState",
    "MachineStats",
    "Net",
    "NetDirectionStats",
    "NetStats",
    "Overlay",
    "Pages",
    "RateLimit",
    "RateLimits",
    "ResourceLimits",
    "RunResult",
    "Spec",
    "StepLatency",
    "Tap",
    "TimelineEntry",
    "User",
]
