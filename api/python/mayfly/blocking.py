"""Mayfly for callers that wait. Each Host has a thread of its own; any thread may use its objects."""

import weakref
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from mayfly import aio, results
from mayfly.inspection import Inspection
from mayfly.portal import Portal
from mayfly.spec import RateLimits, Spec

Inner = TypeVar("Inner")
T = TypeVar("T")


class _Handle(Generic[Inner]):
    """Something that lives in a portal."""

    def __init__(self, portal: Portal, number: int) -> None:
        self._portal = portal
        self._number = number
        self._forget = weakref.finalize(self, portal.forget, number)

    def _call(self, use: Callable[[Inner], Awaitable[T]], timeout: float | None = None) -> T:
        async def work() -> T:
            return await use(self._portal.look(self._number))

        return self._portal.call(work, timeout)

    def _keep(self, use: Callable[[Inner], Awaitable[Any]]) -> int:
        """Keeps in the portal what `use` answers."""

        async def work() -> int:
            return self._portal.keep(await use(self._portal.look(self._number)))

        return self._portal.call(work)


class Console(_Handle[aio.Console]):
    """A VM's serial console."""

    def read(self, timeout: float | None = None) -> bytes:
        """The next piece of what the guest writes; nothing once the VM has ended. Error where
        nothing more comes for another reason: another reader, or a lost connection."""
        return self._call(lambda console: console.read(), timeout)

    def read_all(self, timeout: float | None = None) -> bytes:
        """All until the VM's end."""
        return self._call(lambda console: console.read_all(), timeout)

    def write(self, data: bytes) -> None:
        """Gives the guest `data` to read."""
        self._call(lambda console: console.write(data))

    def __iter__(self) -> Iterator[bytes]:
        while piece := self.read():
            yield piece


class Events(_Handle[aio.Events]):
    """Events as they come, those that were kept from before first."""

    def next(self, timeout: float | None = None) -> results.Event:
        """The next one, once there is one. Error where none can come any more."""
        return self._call(lambda events: events.next(), timeout)

    def __iter__(self) -> Iterator[results.Event]:
        while True:
            yield self.next()


class Machine(_Handle[aio.Machine]):
    """A VM. It ends when this object is closed or forgotten, unless it was detached."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the VM."""
        self._forget()

    def jail_lacks(self) -> tuple[str, ...]:
        """What its jail lacks of what jails have, as sentences, where it was launched here; usually
        nothing."""
        return self._call(lambda machine: machine.jail_lacks())

    def start(self) -> None:
        """For a VM that was launched with `start=False`."""
        self._call(lambda machine: machine.start())

    def wait(self, timeout: float | None = None) -> results.ExitStatus:
        """How the VM ended, once it has. TimeoutError after `timeout` seconds."""
        return self._call(lambda machine: machine.wait(), timeout)

    def kill(self) -> None:
        self._call(lambda machine: machine.kill())

    def pause(self) -> None:
        self._call(lambda machine: machine.pause())

    def resume(self) -> None:
        self._call(lambda machine: machine.resume())

    def power_button(self) -> None:
        """Presses it; what follows is the guest's affair."""
        self._call(lambda machine: machine.power_button())

    def stop(self, within: float | None = None) -> results.ExitStatus:
        """Presses the power button, and waits for the end. What has not ended `within` so many seconds
        is killed."""
        return self._call(lambda machine: machine.stop(within))

    def console(self) -> Console:
        """Attaches to the console; whoever was attached before is cut off."""
        return Console(self._portal, self._keep(lambda machine: machine.console()))

    def events(self) -> Events:
        return Events(self._portal, self._keep(lambda machine: machine.events()))

    def stats(self) -> results.MachineStats:
        return self._call(lambda machine: machine.stats())

    def timeline(self) -> list[results.TimelineEntry]:
        return self._call(lambda machine: machine.timeline())

    def update_disk(self, disk: int, limits: RateLimits) -> None:
        """New limits for the disk of that position in the spec."""
        self._call(lambda machine: machine.update_disk(disk, limits))

    def update_net(
        self, net: int, transmit: RateLimits | None = None, receive: RateLimits | None = None
    ) -> None:
        """New limits for a network card; a direction that is None keeps its own."""
        self._call(lambda machine: machine.update_net(net, transmit, receive))

    def resize_disk(self, disk: int) -> int:
        """Tells the guest that the disk's image has another size, which is answered."""
        return self._call(lambda machine: machine.resize_disk(disk))

    def narrow(self, permissions: Sequence[str]) -> "Machine":
        """A handle that can do less ("wait", "console", "stats", "control") and holds no VM."""
        return Machine(self._portal, self._keep(lambda machine: machine.narrow(permissions)))

    def detach(self, name: str = "") -> None:
        """Lets the VM live on without us, to be found by `name`."""
        self._call(lambda machine: machine.detach(name))

    def attach(self) -> None:
        """Undoes detach()."""
        self._call(lambda machine: machine.attach())


class Host:
    """A host service. Closing it ends all VMs that were launched with it and not detached."""

    def __init__(self, socket: str | None = None) -> None:
        self._portal = Portal()
        self._host = aio.Host(socket)
        try:
            self._portal.call(self._host.__aenter__)
        except BaseException:
            self._portal.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """More than once does no harm."""

        async def work() -> None:
            self._host.close()

        if self._portal.is_open:
            self._portal.call(work)
            self._portal.close()

    def launch(
        self, spec: Spec, *, name: str = "", start: bool = True, detached: bool = False
    ) -> Machine:
        """A new VM, which runs already unless `start` is False."""
        return self._machine(
            lambda: self._host.launch(spec, name=name, start=start, detached=detached)
        )

    def run(self, spec: Spec, timeout: float | None = None) -> results.RunResult:
        """A VM from start to end, and what it wrote to its console."""
        return self._portal.call(lambda: self._host.run(spec), timeout)

    def get(self, name: str) -> Machine:
        """The VM of that name."""
        return self._machine(lambda: self._host.get(name))

    def list(self, labels: Mapping[str, str] | None = None) -> list[results.MachineInfo]:
        """This user's VMs that have all of `labels`."""
        return self._portal.call(lambda: self._host.list(labels))

    def inspect(self, name: str) -> Inspection:
        """What is known of the VM that get() would find, and what it was launched with."""
        return self._portal.call(lambda: self._host.inspect(name))

    def capacity(self) -> results.HostCapacity:
        """How much room the host has, and how much of it is taken."""
        return self._portal.call(lambda: self._host.capacity())

    def stats(self) -> results.HostStats:
        """What the service has done since it was started."""
        return self._portal.call(lambda: self._host.stats())

    def events(self, since: int = 0) -> Events:
        """What happens to this user's VMs, from the sequence number behind `since` on."""

        async def work() -> int:
            return self._portal.keep(await self._host.events(since))

        return Events(self._portal, self._portal.call(work))

    def drain(self, timeout: float | None = None) -> None:
        """No launches any more; returns when the last VM has ended."""
        self._portal.call(lambda: self._host.drain(), timeout)

    def _machine(self, make: Callable[[], Coroutine[Any, Any, aio.Machine]]) -> Machine:
        async def work() -> int:
            return self._portal.keep(await make())

        return Machine(self._portal, self._portal.call(work))
