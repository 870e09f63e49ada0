import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import capnp
import mayfly
import mayfly.aio


def _run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(capnp.run(main))


def test_many_at_once(socket: str, guests: Path) -> None:
    async def main() -> None:
        async with mayfly.aio.Host(socket) as host:
            spec = mayfly.Spec(kernel=guests / "hello")
            runs = await asyncio.gather(*[host.run(spec) for _ in range(10)])
            assert {run.output for run in runs} == {b"Hello from a Mayfly guest\n"}
            assert all(run.exit.ok for run in runs)

    _run(main())


def test_reads_the_console_as_it_comes(socket: str, guests: Path) -> None:
    async def main() -> None:
        async with mayfly.aio.Host(socket) as host:
            spec = mayfly.Spec(kernel=guests / "hello")
            async with await host.launch(spec, start=False) as vm:
                console = await vm.console()
                await vm.start()
                said = [piece async for piece in console]
                assert b"".join(said) == b"Hello from a Mayfly guest\n"
                assert (await vm.wait()).ok
                steps = [entry.step for entry in await vm.timeline()]
                assert "firstRun" in steps and "exited" in steps

    _run(main())


def test_asks_the_host(socket: str, guests: Path) -> None:
    async def main() -> None:
        async with mayfly.aio.Host(socket) as host:
            spec = mayfly.Spec(kernel=str(guests / "echo"), labels={"job": "42"})
            async with await host.launch(spec, name="one") as vm:
                found = await host.inspect("one")
                assert (found.info.name, found.spec) == ("one", spec)
                assert (await host.capacity()).machines == 1
                assert (await host.stats()).launches == 1
                await vm.detach()
                assert (await host.inspect("one")).info.detached
                await vm.attach()
            assert await host.list() == []

    _run(main())


def test_stops_by_the_power_button(socket: str, guests: Path) -> None:
    async def main() -> None:
        async with mayfly.aio.Host(socket) as host:
            async with await host.launch(mayfly.Spec(kernel=guests / "power_button")) as vm:
                console = await vm.console()
                said = b""
                while b"ready" not in said:
                    said += await console.read()
                assert (await vm.stop(within=60)).status == 7
            async with await host.launch(mayfly.Spec(kernel=guests / "echo")) as vm:
                assert (await vm.stop(within=0.01)).reason is mayfly.ExitReason.KILLED

    _run(main())
