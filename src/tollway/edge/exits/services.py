"""Where the platform's own services are, when they were given by name: nobody is let through to them."""

import asyncio
import logging
import socket

from tollway.edge.guard import Guard

_log = logging.getLogger(__name__)
_EVERY_S = 30.0


class ServiceNames:
    """Resolves the services that the guard knows by name."""

    def __init__(self, guard: Guard, timeout_s: float) -> None:
        self._guard, self._timeout_s = guard, timeout_s

    async def resolve(self) -> None:
        """Give the guard their addresses of now; one that cannot be resolved stays where it was."""
        await asyncio.gather(*(self._resolve(host, port) for host, port in self._guard.named_services))

    async def keep_resolving(self) -> None:
        """Look again every half a minute."""
        while self._guard.named_services:
            await asyncio.sleep(_EVERY_S)
            await self.resolve()

    async def _resolve(self, host: str, port: int) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                found = await addresses_of(host)
        except (OSError, TimeoutError, UnicodeError) as error:
            _log.info("%s, a service of the platform, cannot be resolved now: %s", host, error)
        else:
            self._guard.resolved(host, port, found)


async def addresses_of(host: str) -> list[str]:
    """Return the addresses of one of the platform's own names. Raises OSError, UnicodeError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]).partition("%")[0] for each in found))
