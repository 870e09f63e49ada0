"""Mayfly for asyncio. All of it belongs to one event loop, inside of `capnp.kj_loop()`:

    async def main():
        async with mayfly.aio.Host() as host:
            async with await host.launch(spec) as vm:
                print(await vm.wait())

    asyncio.run(capnp.run(main()))
"""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import capnp

from mayfly import results
from mayfly.errors import Error, translated
from mayfly.schema import rpc
from mayfly.spec import RateLimits, Spec, encode_labels

_VARIABLE = "MAYFLY_HOST"
_ROOT_SOCKET = "/run/mayfly/mayflyd.sock"
# Pieces of a console, or events, that wait for a reader here; the guest's side keeps the rest.
_QUEUE = 64


def default_socket() -> str:
    """Where this user's host service listens: $MAYFLY_HOST, or its usual place."""
    chosen = os.environ.get(_VARIABLE)
    if chosen:
        return chosen
    if os.geteuid() == 0:
        return _ROOT_SOCKET
    runtime = os.environ.get("XDG_RUNTIME_DIR", f"/run/user/{os.geteuid()}")
    return f"{runtime}/mayfly/mayflyd.sock"


class _Sink(rpc.ByteStream.Server):  # type: ignore[misc]
    """Takes what a guest writes; a full queue slows the sender."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[bytes | None] = asyncio.Queue(_QUEUE)

    async def write(self, bytes: bytes, **_: Any) -> None:
        await self.queue.put(bytes)

    async def end(self, **_: Any) -> None:
        await self.queue.put(None)


class _Listener(rpc.EventListener.Server):  # type: ignore[misc]
    def __init__(self) -> None:
        self.queue: asyncio.Queue[results.Event] = asyncio.Queue(_QUEUE)

    async def event(self, event: Any, **_: Any) -> None:
        await self.queue.put(results.event(event))


class Console:
    """A VM's serial console."""

    def __init__(self, sink: _Sink, writer: Any) -> None:
        self._queue = sink.queue
        self._writer = writer
        self._ended = False

    async def read(self) -> bytes:
        """The next piece of what the guest writes; nothing once the VM has ended."""
        if self._ended:
            return b""
        piece = await self._queue.get()
        self._ended = piece is None
        return piece or b""

    async def read_all(self) -> bytes:
        """All until the VM's end."""
        return b"".join([piece async for piece in self])

    async def write(self, data: bytes) -> None:
        """Gives the guest `data` to read."""
        with translated():
            await self._writer.write(bytes=data)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while piece := await self.read():
            yield piece


class Events:
    """Events as they come, those that were kept from before first."""

    def __init__(self, listener: _Listener) -> None:
        self._queue = listener.queue

    async def next(self) -> results.Event:
        return await self._queue.get()

    async def __aiter__(self) -> AsyncIterator[results.Event]:
        while True:
            yield await self.next()


class Machine:
    """A VM. It ends when this object is closed, unless it was detached."""

    def __init__(self, capability: Any) -> None:
        self._capability: Any = capability

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the VM."""
        self._capability = None

    async def start(self) -> None:
        """For a VM that was launched with `start=False`."""
        with translated():
            await self._held.start()

    async def wait(self) -> results.ExitStatus:
        """How the VM ended, once it has."""
        with translated():
            return results.exit_status((await self._held.wait()).status)

    async def kill(self) -> None:
        with translated():
            await self._held.kill()

    async def pause(self) -> None:
        with translated():
            await self._held.pause()

    async def resume(self) -> None:
        with translated():
            await self._held.resume()

    async def power_button(self) -> None:
        """Presses it; what follows is the guest's affair."""
        with translated():
            await self._held.powerButton()

    async def console(self) -> Console:
        """Attaches to the console; whoever was attached before is cut off."""
        sink = _Sink()
        with translated():
            answer = await self._held.console(output=sink)
        return Console(sink, answer.input)

    async def events(self) -> Events:
        listener = _Listener()
        with translated():
            await self._held.events(listener=listener)
        return Events(listener)

    async def stats(self) -> results.MachineStats:
        with translated():
            return results.machine_stats((await self._held.stats()).stats)

    async def timeline(self) -> list[results.TimelineEntry]:
        with translated():
            answer = await self._held.timeline()
        return [
            results.TimelineEntry(str(entry.step), entry.nanoseconds) for entry in answer.entries
        ]

    async def update_disk(self, disk: int, limits: RateLimits) -> None:
        """New limits for the disk of that position in the spec."""
        with translated():
            await self._held.updateDisk(disk=disk, limits=limits.encode())

    async def update_net(
        self, net: int, transmit: RateLimits | None = None, receive: RateLimits | None = None
    ) -> None:
        """New limits for a network card; a direction that is None keeps its own."""
        request = self._held.updateNet_request()
        request.net = net
        if transmit is not None:
            request.transmit = transmit.encode()
        if receive is not None:
            request.receive = receive.encode()
        with translated():
            await request.send()

    async def resize_disk(self, disk: int) -> int:
        """Tells the guest that the disk's image has another size, which is answered."""
        with translated():
            return int((await self._held.resizeDisk(disk=disk)).bytes)

    async def narrow(self, permissions: Sequence[str]) -> "Machine":
        """A handle that can do less ("wait", "console", "stats", "control") and holds no VM."""
        with translated():
            return Machine((await self._held.narrow(permissions=list(permissions))).machine)

    async def detach(self, name: str = "") -> None:
        """Lets the VM live on without us, to be found by `name`."""
        with translated():
            await self._held.detach(name)

    async def attach(self) -> None:
        """Undoes detach()."""
        with translated():
            await self._held.attach()

    @property
    def _held(self) -> Any:
        if self._capability is None:
            raise Error("FAILED_PRECONDITION", "this Machine was closed")
        return self._capability


class Host:
    """A host service. Closing it ends all VMs that were launched with it and not detached."""

    def __init__(self, socket: str | None = None) -> None:
        self._path = socket or default_socket()
        self._stream: Any = None
        self._client: Any = None
        self._capability: Any = None

    async def __aenter__(self) -> Self:
        try:
            self._stream = await capnp.AsyncIoStream.create_unix_connection(self._path)
        except OSError as error:
            raise Error(
                "UNAVAILABLE",
                f"no host service answers at {self._path} ({error.strerror}); start mayflyd, or "
                f"name its socket in ${_VARIABLE}",
            ) from None
        self._client = capnp.TwoPartyClient(self._stream)
        self._capability = self._client.bootstrap().cast_as(rpc.Host)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._capability = None
        if self._client is not None:
            self._client.close()
        self._client = None
        self._stream = None

    async def launch(
        self, spec: Spec, *, name: str = "", start: bool = True, detached: bool = False
    ) -> Machine:
        """A new VM, which runs already unless `start` is False."""
        request = self._held.launch_request()
        request.spec = spec.encode()
        request.name = name
        request.start = start
        request.detached = detached
        with translated():
            return Machine((await request.send()).machine)

    async def run(self, spec: Spec) -> results.RunResult:
        """A VM from start to end, and what it wrote to its console."""
        sink = _Sink()
        with translated():
            answer = await self._held.launch(spec=spec.encode(), start=True, output=sink)
        async with Machine(answer.machine) as machine:
            output, status = await asyncio.gather(
                Console(sink, answer.input).read_all(), machine.wait()
            )
        return results.RunResult(status, output)

    async def get(self, name: str) -> Machine:
        """The VM of that name."""
        with translated():
            return Machine((await self._held.get(name)).machine)

    async def list(self, labels: Mapping[str, str] | None = None) -> list[results.MachineInfo]:
        """This user's VMs that have all of `labels`."""
        with translated():
            answer = await self._held.list(labels=encode_labels(labels or {}))
        return [results.machine_info(machine) for machine in answer.machines]

    async def events(self, since: int = 0) -> Events:
        """What happens to this user's VMs, from the sequence number behind `since` on."""
        listener = _Listener()
        with translated():
            await self._held.events(listener=listener, since=since)
        return Events(listener)

    async def drain(self) -> None:
        """No launches any more; returns when the last VM has ended."""
        with translated():
            await self._held.drain()

    @property
    def _held(self) -> Any:
        if self._capability is None:
            raise Error("FAILED_PRECONDITION", "this Host is not open: use it in a `with`")
        return self._capability
