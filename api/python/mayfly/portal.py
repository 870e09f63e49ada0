"""An event loop in a thread of its own, for callers that block.

The RPC library's objects belong to the thread of their loop, their destruction too: they stay in
here, and others hold numbers for them.
"""

import asyncio
import itertools
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import capnp

from mayfly.errors import Error

T = TypeVar("T")


class Portal:
    """Runs coroutines for threads that wait for them. Any thread may call."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._objects: dict[int, Any] = {}
        self._numbers = itertools.count()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mayfly", daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._loop is None:
            raise Error("INTERNAL", "the RPC library's event loop did not start")

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        finally:
            self._ready.set()  # whoever waits for a loop that could not start

    async def _serve(self) -> None:
        async with capnp.kj_loop():
            self._loop = asyncio.get_running_loop()
            self._stop = asyncio.Event()
            self._ready.set()
            await self._stop.wait()
            self._objects.clear()

    @property
    def is_open(self) -> bool:
        return self._loop is not None and self._thread.is_alive()

    def call(self, work: Callable[[], Coroutine[Any, Any, T]], timeout: float | None = None) -> T:
        """What `work` answers, in the loop. Errors: its own; TimeoutError after `timeout` seconds."""
        if self._loop is None or not self.is_open:
            raise Error("FAILED_PRECONDITION", "this Host was closed")

        async def bounded() -> T:
            return await asyncio.wait_for(work(), timeout)

        return asyncio.run_coroutine_threadsafe(bounded(), self._loop).result()

    def keep(self, thing: Any) -> int:
        """A number for `thing`. In the loop's thread."""
        number = next(self._numbers)
        self._objects[number] = thing
        return number

    def look(self, number: int) -> Any:
        """What has `number`. In the loop's thread. Errors: Error for what was let go."""
        if number not in self._objects:
            raise Error("FAILED_PRECONDITION", "this object was closed")
        return self._objects[number]

    def forget(self, number: int) -> None:
        """Lets go of what has `number`, soon. Any thread, and a garbage collector's."""
        if self._loop is None or self._loop.is_closed():
            return
        try:
            self._loop.call_soon_threadsafe(self._objects.pop, number, None)
        except RuntimeError:
            pass  # The loop ended meanwhile, and took everything with it.

    def close(self) -> None:
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()
