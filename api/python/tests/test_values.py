"""What goes over the wire and comes from it, without a service."""

import asyncio
import dataclasses
import enum
import errno
import math
import re
from typing import Any

import mayfly
import mayfly.aio
import pytest
from mayfly import results
from mayfly.errors import cannot_connect
from mayfly.inbox import Inbox
from mayfly.inspection import machine_spec
from mayfly.schema import rpc

# Where a message of one struct has its first words: behind the table of segments and the root.
_DATA = 16
_NO_ENUMERANT = 77
_GRE = mayfly.EgressRule("::/0", protocol="gre")


def _with_unknown(kind: str, offset: int) -> bytes:
    """A message of `kind` whose enumerant `offset` bytes into it is one that the schema lacks."""
    message = bytearray(getattr(rpc, kind).new_message().to_bytes())
    message[_DATA + offset] = _NO_ENUMERANT
    return bytes(message)


def test_enumerants_of_a_newer_service_are_unknown() -> None:
    with rpc.ExitStatus.from_bytes(_with_unknown("ExitStatus", 0)) as status:
        assert results.exit_status(status).reason is mayfly.ExitReason.UNKNOWN
    with rpc.MachineStats.from_bytes(_with_unknown("MachineStats", 0)) as stats:
        assert results.machine_stats(stats).state is mayfly.MachineState.UNKNOWN
    with rpc.Event.from_bytes(_with_unknown("Event", 16)) as event:
        assert results.event(event).kind == "unknown"
    with rpc.TimelineEntry.from_bytes(_with_unknown("TimelineEntry", 0)) as entry:
        assert results.name_of(entry.step) == "unknown"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("BootProtocol", mayfly.Boot),
        ("DiskEngine", mayfly.DiskEngine),
        ("ExitReason", mayfly.ExitReason),
        ("MachineState", mayfly.MachineState),
        ("MemoryBacking", mayfly.Pages),
    ],
)
def test_all_enumerants_of_the_schema_have_a_name(name: str, kind: type[enum.StrEnum]) -> None:
    of_the_schema = set(getattr(rpc, name).schema.enumerants)
    assert {value.value for value in kind} == of_the_schema | {"unknown"}


def _in_python(name: str) -> str:
    return re.sub("[A-Z]", lambda capital: f"_{capital[0].lower()}", name)


@pytest.mark.parametrize("interface", ["Host", "Machine"])
@pytest.mark.parametrize("module", [mayfly, mayfly.aio])
def test_all_methods_of_the_schema_are_there(interface: str, module: Any) -> None:
    methods = getattr(rpc, interface).schema.method_names
    assert "stats" in methods
    assert [name for name in methods if not hasattr(getattr(module, interface), _in_python(name))] == []


@pytest.mark.parametrize(
    ("name", "kind", "renamed"),
    [
        ("DiskStats", mayfly.DiskStats, {}),
        ("Event", mayfly.Event, {}),
        ("ExitStatus", mayfly.ExitStatus, {}),
        ("HostCapacity", mayfly.HostCapacity, {}),
        ("HostStats", mayfly.HostStats, {}),
        ("LatencyBucket", mayfly.LatencyBucket, {}),
        ("MachineInfo", mayfly.MachineInfo, {"memoryBytes": "memory"}),
        ("MachineStats", mayfly.MachineStats, {}),
        ("NetDirectionStats", mayfly.NetDirectionStats, {}),
        ("NetStats", mayfly.NetStats, {}),
        ("StepLatency", mayfly.StepLatency, {}),
        ("TimelineEntry", mayfly.TimelineEntry, {}),
        # What a launcher says.
        ("Disk", mayfly.Disk, {"image": "path"}),
        ("NetFilter", mayfly.Filter, {}),
        ("ResourceLimits", mayfly.ResourceLimits, {"memoryBytes": "memory"}),
        (
            "MachineSpec",
            mayfly.Spec,
            {
                "bootProtocol": "boot",
                "cpuProfile": "",  # the host's
                "memoryBacking": "pages",
                "memoryBytes": "memory",
                "timeoutNanoseconds": "timeout",
            },
        ),
    ],
)
def test_all_fields_of_the_schema_are_there(name: str, kind: Any, renamed: dict[str, str]) -> None:
    there = {field.name for field in dataclasses.fields(kind)}
    fields = [renamed.get(field, _in_python(field)) for field in getattr(rpc, name).schema.fieldnames]
    assert [field for field in fields if field and field not in there] == []


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("cpus", 70000, "cpus"),
        ("memory", -1, "memoryBytes"),
        ("memory", 1 << 64, "memoryBytes"),
        ("timeout", -1, "timeoutNanoseconds"),
        ("timeout", math.inf, "timeout"),
        ("limits", mayfly.ResourceLimits(pids=-1), "limits"),
        ("pages", mayfly.Pages.UNKNOWN, "memoryBacking"),
        ("nets", [mayfly.Net(mtu=70000)], "nets"),
        ("nets", [mayfly.Net(mayfly.Given("tap tap0"))], "tap tap0"),
        ("nets", [mayfly.Net(mac="2:0:0:0:0:1")], "MAC"),
        ("nets", [mayfly.Net(mac="020000000001")], "MAC"),
        ("nets", [mayfly.Net(filter=mayfly.Filter(["10.0.0.1/8"]))], "10.0.0.1/8"),
        ("nets", [mayfly.Net(filter=mayfly.Filter(egress=[_GRE]))], "gre"),
    ],
)
def test_values_that_cannot_be_meant_are_refused(field: str, value: Any, named: str) -> None:
    with pytest.raises(ValueError, match=named) as caught:
        mayfly.Spec(kernel="/kernel", **{field: value}).encode()
    assert ".c++" not in str(caught.value)


def test_a_spec_has_what_was_asked_for() -> None:
    spec = mayfly.Spec(
        kernel="/kernel",
        boot=mayfly.Boot.PVH,
        pages=mayfly.Pages.TRANSPARENT,
        limits=mayfly.ResourceLimits(
            cpus=0.5,
            cpu_weight=50,
            cpuset="0-1",
            memory=mayfly.GIB,
            pids=20,
            io=[mayfly.IoLimit((8, 16), read_bytes=1, write_operations=2)],
        ),
    ).encode()
    assert (spec.bootProtocol, spec.memoryBacking) == ("pvh", "transparentHuge")
    assert "console=ttyS0" in spec.commandLine
    limits = spec.limits
    assert (limits.cpus, limits.cpuWeight, limits.cpuset) == (0.5, 50, "0-1")
    assert (limits.memoryBytes, limits.pids) == (mayfly.GIB, 20)
    (io,) = limits.io
    assert (io.major, io.minor, io.readBytes, io.writeOperations) == (8, 16, 1, 2)


def test_a_spec_comes_back_as_it_went() -> None:
    rates = mayfly.RateLimits(mayfly.RateLimit(10, 20), mayfly.RateLimit(30, 40))
    rule = mayfly.EgressRule("10.0.0.0/8", "tcp", (1, 2))
    spec = mayfly.Spec(
        kernel="/kernel",
        initrd="/initrd",
        command_line="words",
        boot=mayfly.Boot.LINUX64,
        cpus=3,
        memory=mayfly.GIB,
        pages=mayfly.Pages.RESERVED,
        disks=(
            mayfly.Disk("/one", read_only=True, serial="x", engine=mayfly.DiskEngine.SYNC),
            mayfly.Disk("/two", direct=True, overlay=mayfly.Overlay("/layer", cap=5)),
            mayfly.Disk("/three", overlay=mayfly.Overlay(), limits=rates),
        ),
        nets=(
            mayfly.Net(mac="02:00:00:00:00:01", mtu=1400, queue_pairs=2, transmit=rates),
            mayfly.Net(mayfly.Tap("tap0"), filter=mayfly.Filter(("fd00::/8",), (rule,))),
            mayfly.Net(mayfly.User((mayfly.Forward(53, 5353, "udp"),)), filter=mayfly.Filter((), ())),
            mayfly.Net(receive=rates, filter=mayfly.Filter(("192.0.2.1/32",))),
        ),
        timeout=1.5,
        limits=mayfly.ResourceLimits(cpus=0.5, pids=20, io=(mayfly.IoLimit((8, 0), 1, 2, 3, 4),)),
        labels={"team": "blue"},
    )
    assert machine_spec(spec.encode()) == spec
    assert machine_spec(mayfly.Spec(kernel="/kernel").encode()) == mayfly.Spec(kernel="/kernel")


def test_what_was_handed_over_open_has_a_name() -> None:
    spec = mayfly.Spec(kernel="/kernel", nets=[mayfly.Net()]).encode()
    spec.nets[0].name = "tap tap0"
    spec.nets[0].backend.init("tap", 0)
    assert machine_spec(spec).nets[0].backend == mayfly.Given("tap tap0")


def test_what_a_jail_lacks_is_kept_with_the_machine() -> None:
    machine = mayfly.aio.Machine(None, ["no keyring of its own"])
    assert asyncio.run(machine.jail_lacks()) == ("no keyring of its own",)


def test_which_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAYFLY_HOST", "/some/where.sock")
    assert mayfly.aio.default_socket() == "/some/where.sock"
    monkeypatch.setenv("MAYFLY_HOST", "none")
    with pytest.raises(mayfly.Error, match="which host service"):
        mayfly.aio.default_socket()
    monkeypatch.delenv("MAYFLY_HOST")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert mayfly.aio.default_socket() == "/run/mayfly/mayflyd.sock"
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")
    assert mayfly.aio.default_socket() == "/run/user/1000/mayfly/mayflyd.sock"
    monkeypatch.setenv("XDG_RUNTIME_DIR", "")
    with pytest.raises(mayfly.Error, match="which host service"):
        mayfly.aio.default_socket()


def test_why_no_service_answers() -> None:
    denied = cannot_connect("/a.sock", PermissionError(errno.EACCES, "Permission denied"))
    assert denied.code == "PERMISSION_DENIED"
    assert "mayflyd" not in denied.message
    missing = cannot_connect("/a.sock", FileNotFoundError(errno.ENOENT, "No such file"))
    assert missing.code == "UNAVAILABLE"
    assert "start mayflyd" in missing.message
    assert "too long" in cannot_connect("/a.sock", OSError("AF_UNIX path too long")).message


def test_an_inbox_slows_who_sends_and_loses_nothing() -> None:
    async def main() -> None:
        inbox = Inbox[int](2)
        await inbox.put(1)
        await inbox.put(2)
        third = asyncio.ensure_future(inbox.put(3))
        await asyncio.sleep(0)
        assert not third.done()
        assert await inbox.get() == 1
        await third
        fourth = asyncio.ensure_future(inbox.put(4))
        await asyncio.sleep(0)
        inbox.end()
        await fourth
        assert [await inbox.get() for _ in range(5)] == [2, 3, 4, None, None]

    asyncio.run(main())


def test_the_end_of_an_inbox_wakes_its_reader() -> None:
    async def main() -> None:
        inbox = Inbox[int](1)
        reader = asyncio.ensure_future(inbox.get())
        await asyncio.sleep(0)
        inbox.end()
        assert await reader is None

    asyncio.run(main())
