"""The table in force, replaced as a whole when its sources change; a broken source changes nothing."""

import logging
from collections.abc import Callable, Iterable

from tollway.gateway.route.files import RouteFiles, Stamp
from tollway.gateway.route.route import Route
from tollway.gateway.route.table import InvalidRoutes

_log = logging.getLogger(__name__)


class RouteReloader:
    """Reads the routes and puts them in force with `use`, at start, on request, and when a file has changed.

    `platform` are the platform's own routes. `error` says why the files were refused last; empty when they were not.
    """

    def __init__(
        self,
        platform: Iterable[Route],
        files: RouteFiles | None,
        use: Callable[[Iterable[Route]], None],
        poll_s: float,
    ) -> None:
        self.error = ""
        self._platform = list(platform)
        self._files = files
        self._use = use
        self._poll_s = poll_s
        self._stamp: Stamp = ()
        self._next_poll = 0.0

    def load(self) -> None:
        """Read everything and put it in force. Raises InvalidRoutes; then the table in force stays."""
        try:
            routes = list(self._platform)
            if self._files is not None:
                self._stamp = self._files.stamp()
                routes += self._files.read()
            self._use(routes)
        except InvalidRoutes as error:
            self.error = str(error)
            raise
        self.error = ""

    def start(self) -> None:
        """Put the routes in force for the first time. With broken files the platform's own routes serve alone."""
        try:
            self.load()
        except InvalidRoutes as error:
            _log.error("routes: %s; only the platform's own routes are served", error)
            self._use(self._platform)

    def reload(self) -> None:
        """Load, and log what came of it."""
        try:
            self.load()
        except InvalidRoutes as error:
            _log.error("routes: %s; the routes stay as they were", error)
        else:
            _log.info("routes: reloaded")

    def tick(self, now: float) -> None:
        """Reload when a file has changed since it was read."""
        if self._files is None or not self._poll_s or now < self._next_poll:
            return
        self._next_poll = now + self._poll_s
        if self._files.stamp() != self._stamp:
            self.reload()
