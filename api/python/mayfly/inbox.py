"""What another process sends, until somebody reads it."""

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Inbox(Generic[T]):
    """Things in their order, and an end. Who sends too much waits. All in one event loop."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._things: deque[T] = deque()
        self._over = False
        self._changed = asyncio.Event()
        self._room = asyncio.Event()

    async def put(self, thing: T) -> None:
        """Adds `thing` at once, so that no end overtakes it; returns when there is room for more."""
        self._things.append(thing)
        self._changed.set()
        while len(self._things) > self._most and not self._over:
            self._room.clear()
            await self._room.wait()

    @property
    def is_over(self) -> bool:
        return self._over

    def end(self) -> None:
        """There will be no more, or nobody to take it."""
        self._over = True
        self._changed.set()
        self._room.set()

    async def get(self) -> T | None:
        """The next; None at the end."""
        while not self._things and not self._over:
            self._changed.clear()
            await self._changed.wait()
        if not self._things:
            return None
        thing = self._things.popleft()
        self._room.set()
        return thing
