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
from mayfly.errors import Error, cannot_connect, translated
from mayfly.inbox import Inbox
from mayfly.inspection import Inspection, inspection
from mayfly.schema import fill, rpc
from mayfly.spec import RateLimits, Spec, encode_labels

_VARIABLE = "MAYFLY_HOST"
_NONE = "none"
_ROOT_SOCKET = "/run/mayfly/mayflyd.sock"
# Pieces of a console, or events, that wait for a reader here; the guest's side keeps the rest.
_QUEUE = 64
# A piece of a console that no guest writes.
_END = b""


def default_socket() -> str:
    """Where this user's host service listens: $MAYFLY_HOST, or its usual place. Error for none."""
    chosen = os.environ.get(_VARIABLE)
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if chosen and chosen != _NONE:
        return chosen
    if not chosen and os.geteuid() == 0:
        return _ROOT_SOCKET
    if not chosen and runtime:
        return f"{runtime}/mayfly/mayflyd.sock"
    raise Error("INVALID_ARGUMENT", f"which host service? Name its socket, here or in ${_VARIABLE}")


class _Sink(rpc.ByteStream.Server):  # type: ignore[misc]
    """Takes what a guest writes. Nobody but the RPC library holds it, and it lets go when the
    service does: at the VM's end, when another takes the console over, and with the connection."""

    def __init__(self, inbox: Inbox[bytes]) -> None:
        self._inbox = inbox

    async def write(self, bytes: bytes, **_: Any) -> None:
        if bytes != _END:
            await self._inbox.put(bytes)

    async def end(self, **_: Any) -> None:
        await self._inbox.put(_END)

    def __del__(self) -> None:
        self._inbox.end()


class _Listener(rpc.EventListener.Server):  # type: ignore[misc]
    """Takes events, and is held as a _Sink is."""

    def __init__(self, inbox: Inbox[results.Event]) -> None:
        self._inbox = inbox

    async def event(self, event: Any, **_: Any) -> None:
        if self._inbox.is_over:
            raise Error("UNAVAILABLE", "nobody reads these events any more")
        await self._inbox.put(results.event(event))

    def __del__(self) -> None:
        self._inbox.end()


async def _answer(request: Any, **parameters: Any) -> Any:
    """What is answered to `request`. Errors: Error; ValueError for parameters it cannot have."""
    fill(request, parameters)
    with translated():
        return await request.send()


class Console:
    """A VM's serial console."""

    def __init__(self, inbox: Inbox[bytes], writer: Any) -> None:
        self._inbox = inbox
        self._writer = writer
        self._ended = False

    async def read(self) -> bytes:
        """The next piece of what the guest writes; nothing once the VM has ended. Error where
        nothing more comes for another reason: another reader, or a lost connection."""
        if self._ended:
            return _END
        piece = await self._inbox.get()
        if piece is None:
            raise Error(
                "UNAVAILABLE",
                "this console was taken over by another reader, or the connection to the host "
                "service was lost",
            )
        self._ended = piece == _END
        return piece

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

    def __init__(self, inbox: Inbox[results.Event]) -> None:
        self._inbox = inbox

    async def next(self) -> results.Event:
        """The next one, once there is one. Error where none can come any more."""
        event = await self._inbox.get()
        if event is None:
            raise Error("UNAVAILABLE", "no more events: the VM, or the connection, is gone")
        return event

    def __del__(self) -> None:
        # The service learns it by the next event, and has room for another listener then.
        self._inbox.end()

    async def __aiter__(self) -> AsyncIterator[results.Event]:
        while True:
            yield await self.next()


class Machine:
    """A VM. It ends when this object is closed, unless it was detached."""

    def __init__(self, capability: Any, jail_lacks: Sequence[str] = ()) -> None:
        self._capability: Any = capability
        self._jail_lacks = tuple(jail_lacks)

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

    async def jail_lacks(self) -> tuple[str, ...]:
        """What its jail lacks of what jails have, as sentences, where it was launched here; usually
        nothing."""
        return self._jail_lacks

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

    async def stop(self, within: float | None = None) -> results.ExitStatus:
        """Presses the power button, and waits for the end. What has not ended `within` so many seconds
        is killed. One that has ended stays as it is."""
        try:
            await self.power_button()
        except Error as error:
            # One that has ended, by now, has nothing to press; nor has one that was not started.
            if error.code != "FAILED_PRECONDITION" or (await self.stats()).state is not results.MachineState.ENDED:
                raise
        try:
            return await asyncio.wait_for(self.wait(), within)
        except TimeoutError:
            try:
                await self.kill()
            except Error as error:
                if error.code != "FAILED_PRECONDITION":  # It has ended meanwhile.
                    raise
            return await self.wait()

    async def console(self) -> Console:
        """Attaches to the console; whoever was attached before is cut off."""
        inbox = Inbox[bytes](_QUEUE)
        request = self._held.console_request()
        request.output = _Sink(inbox)
        with translated():
            answer = request.send()
            # Of the answer itself, it would keep the request alive, and with it the _Sink.
            writer = answer.input
            await answer
        return Console(inbox, writer)

    async def events(self) -> Events:
        inbox = Inbox[results.Event](_QUEUE)
        await _answer(self._held.events_request(), listener=_Listener(inbox))
        return Events(inbox)

    async def stats(self) -> results.MachineStats:
        with translated():
            return results.machine_stats((await self._held.stats()).stats)

    async def timeline(self) -> list[results.TimelineEntry]:
        with translated():
            answer = await self._held.timeline()
        return [
            results.TimelineEntry(results.name_of(entry.step), entry.nanoseconds)
            for entry in answer.entries
        ]

    async def update_disk(self, disk: int, limits: RateLimits) -> None:
        """New limits for the disk of that position in the spec."""
        await _answer(self._held.updateDisk_request(), disk=disk, limits=limits.encode())

    async def update_net(
        self, net: int, transmit: RateLimits | None = None, receive: RateLimits | None = None
    ) -> None:
        """New limits for a network card; a direction that is None keeps its own."""
        changed = {"transmit": transmit, "receive": receive}
        limits = {name: value.encode() for name, value in changed.items() if value is not None}
        await _answer(self._held.updateNet_request(), net=net, **limits)

    async def resize_disk(self, disk: int) -> int:
        """Tells the guest that the disk's image has another size, which is answered."""
        return int((await _answer(self._held.resizeDisk_request(), disk=disk)).bytes)

    async def narrow(self, permissions: Sequence[str]) -> "Machine":
        """A handle that can do less ("wait", "console", "stats", "control") and holds no VM."""
        answer = await _answer(self._held.narrow_request(), permissions=list(permissions))
        return Machine(answer.machine)

    async def detach(self, name: str = "") -> None:
        """Lets the VM live on without us, to be found by `name`."""
        await _answer(self._held.detach_request(), name=name)

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
        self._path = default_socket() if socket is None else socket
        self._stream: Any = None
        self._client: Any = None
        self._capability: Any = None

    async def __aenter__(self) -> Self:
        try:
            self._stream = await capnp.AsyncIoStream.create_unix_connection(self._path)
        except OSError as error:
            raise cannot_connect(self._path, error) from None
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
        answer = await _answer(
            self._held.launch_request(),
            spec=spec.encode(),
            name=name,
            start=start,
            detached=detached,
        )
        return Machine(answer.machine, answer.jailLacks)

    async def run(self, spec: Spec) -> results.RunResult:
        """A VM from start to end, and what it wrote to its console."""
        inbox = Inbox[bytes](_QUEUE)
        request = self._held.launch_request()
        fill(request, {"spec": spec.encode(), "start": True, "output": _Sink(inbox)})
        answer = request.send()
        async with Machine(answer.machine) as machine:
            console = Console(inbox, answer.input)
            with translated():
                await answer
            output, status = await asyncio.gather(console.read_all(), machine.wait())
        return results.RunResult(status, output)

    async def get(self, name: str) -> Machine:
        """The VM of that name."""
        return Machine((await _answer(self._held.get_request(), name=name)).machine)

    async def list(self, labels: Mapping[str, str] | None = None) -> list[results.MachineInfo]:
        """This user's VMs that have all of `labels`."""
        answer = await _answer(self._held.list_request(), labels=encode_labels(labels or {}))
        return [results.machine_info(machine) for machine in answer.machines]

    async def inspect(self, name: str) -> Inspection:
        """What is known of the VM that get() would find, and what it was launched with."""
        return inspection(await _answer(self._held.inspect_request(), name=name))

    async def capacity(self) -> results.HostCapacity:
        """How much room the host has, and how much of it is taken."""
        with translated():
            return results.host_capacity((await self._held.capacity()).capacity)

    async def stats(self) -> results.HostStats:
        """What the service has done since it was started."""
        with translated():
            return results.host_stats((await self._held.stats()).stats)

    async def events(self, since: int = 0) -> Events:
        """What happens to this user's VMs, from the sequence number behind `since` on."""
        inbox = Inbox[results.Event](_QUEUE)
        await _answer(self._held.events_request(), listener=_Listener(inbox), since=since)
        return Events(inbox)

    async def drain(self) -> None:
        """No launches any more; returns when the last VM has ended."""
        with translated():
            await self._held.drain()

    @property
    def _held(self) -> Any:
        if self._capability is None:
            raise Error("FAILED_PRECONDITION", "this Host is not open: use it in a `with`")
        return self._capability
