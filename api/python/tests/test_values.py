"""What goes over the wire and comes from it, without a service."""

import asyncio
import errno
import math
from typing import Any

import mayfly
import mayfly.aio
import pytest
from mayfly import results
from mayfly.errors import cannot_connect
from mayfly.inbox import Inbox
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
    [("ExitReason", mayfly.ExitReason), ("MachineState", mayfly.MachineState)],
)
def test_all_enumerants_of_the_schema_have_a_name(
    name: str, kind: type[mayfly.ExitReason] | type[mayfly.MachineState]
) -> None:
    of_the_schema = set(getattr(rpc, name).schema.enumerants)
    assert {value.value for value in kind} == of_the_schema | {"unknown"}


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("cpus", 70000, "cpus"),
        ("memory", -1, "memoryBytes"),
        ("memory", 1 << 64, "memoryBytes"),
        ("timeout", -1, "timeoutNanoseconds"),
        ("timeout", math.inf, "timeout"),
        ("limits", mayfly.ResourceLimits(pids=-1), "limits"),
        ("nets", [mayfly.Net(mtu=70000)], "nets"),
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
