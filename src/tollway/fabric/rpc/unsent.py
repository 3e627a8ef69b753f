"""What waits to be sent on a stream of calls, in messages that are not too large."""

import asyncio
from collections.abc import Mapping
from typing import Generic, NamedTuple, TypeVar

FRAME_LIMIT_BYTES = 1024 * 1024
# A caller that does not take its answers is not read further once so much waits for it.
UNSENT_LIMIT_BYTES = 16 * 1024 * 1024

Item = TypeVar("Item")


class Sized(NamedTuple, Generic[Item]):
    """Something to send, and about how large it is."""

    item: Item
    size_bytes: int


class Unsent(Generic[Item]):
    """What waits to be sent on a stream, by the number of its call, in the order in which it came."""

    def __init__(self) -> None:
        self.size_bytes = 0
        self._items: dict[int, Sized[Item]] = {}
        self._filled = asyncio.Event()
        self._taken = asyncio.Event()

    def add(self, number: int, item: Item, size_bytes: int) -> None:
        """Add something of about this size."""
        self._items[number] = Sized(item, size_bytes)
        self.size_bytes += size_bytes
        self._filled.set()

    def remove(self, number: int) -> bool:
        """Send this no more; False when it was taken already."""
        if (sized := self._items.pop(number, None)) is None:
            return False
        self.size_bytes -= sized.size_bytes
        self._taken.set()
        return True

    def take(self) -> dict[int, Sized[Item]]:
        """Take what is to go next in one message: the first, and what fits in beside it."""
        if self.size_bytes <= FRAME_LIMIT_BYTES:
            taken, self._items = self._items, {}
            size_bytes = self.size_bytes
        else:
            taken, size_bytes = dict[int, Sized[Item]](), 0
            for number, sized in self._items.items():
                if taken and size_bytes + sized.size_bytes > FRAME_LIMIT_BYTES:
                    break
                taken[number] = sized
                size_bytes += sized.size_bytes
            for number in taken:
                del self._items[number]
        self.size_bytes -= size_bytes
        self._taken.set()
        return taken

    def put_back(self, taken: Mapping[int, Sized[Item]]) -> None:
        """Make these the first again, as they were not sent."""
        self._items = {**taken, **self._items}
        self.size_bytes += sum(sized.size_bytes for sized in taken.values())

    def numbers(self) -> tuple[int, ...]:
        """Return the numbers of what was not taken."""
        return tuple(self._items)

    def wake(self) -> None:
        """End a wait although there is nothing new."""
        self._filled.set()

    async def wait(self) -> None:
        """Wait until there may be something to take."""
        await self._filled.wait()
        self._filled.clear()

    async def wait_below_limit(self) -> None:
        """Wait until no more than `UNSENT_LIMIT_BYTES` wait."""
        while self.size_bytes > UNSENT_LIMIT_BYTES:
            self._taken.clear()
            await self._taken.wait()
