"""One try of a request: on one endpoint, over one connection."""

from tollway.gateway.message.request import Request
from tollway.gateway.message.upstream_request import upstream_head
from tollway.gateway.upstream.connection import Owner, UpstreamConnection
from tollway.gateway.upstream.endpoint import Endpoint
from tollway.wire.http1 import ResponseReader


class Attempt:
    """Begins when its endpoint was picked. Ends once: `finish`, `fail`, `cancel` or `hand_over`.

    Meanwhile it counts against the shares that its route and its client have of the endpoint's connections, and as an
    upload while the body of the request has not arrived completely. `response_due` is the monotonic time at which the
    endpoint is late; 0 when nothing is due.
    """

    __slots__ = ("_began", "_load", "_share", "_uploads", "connection", "endpoint", "reader", "response_due")

    def __init__(self, endpoint: Endpoint, request: Request, now: float) -> None:
        self.endpoint = endpoint
        self.connection: UpstreamConnection | None = None
        self.reader: ResponseReader
        self.response_due = 0.0
        self._began = now
        self._load = endpoint.routes[request.route.name]
        self._share = request.client.share
        self._uploads = not request.body_ended
        endpoint.active += 1
        self._load.active += 1
        self._share.requests += 1
        if self._uploads:
            endpoint.pool.uploads += 1
            self._share.uploads += 1

    def send(self, connection: UpstreamConnection, request: Request, owner: Owner, now: float) -> None:
        """Send the head of the request; from now on the connection reports to `owner`."""
        self.connection = connection
        self.reader = ResponseReader(request.head.method)
        self.response_due = now + request.route.response_timeout_s
        connection.owner = owner
        connection.write(upstream_head(request))

    @property
    def is_stale(self) -> bool:
        """Whether the upstream closed an idle connection just as it was taken: no byte of a response came."""
        connection = self.connection
        return connection is not None and connection.used and self.reader.untouched

    def response_began(self) -> None:
        """Count the head of a response: the route is healthy here."""
        self.response_due = 0.0
        self._load.breaker.succeeded()

    def body_ended(self) -> None:
        """Count it as an upload no more."""
        if self._uploads:
            self._uploads = False
            self.endpoint.pool.uploads -= 1
            self._share.uploads -= 1

    def finish(self, now: float, *, reusable: bool) -> None:
        """End with a complete response."""
        connection = self.connection
        assert connection is not None
        if reusable and self.reader.reusable and not connection.full:
            self.endpoint.pool.give_back(connection, now)
        else:
            connection.drop()
        self._end()

    def fail(self, event: str, now: float) -> None:
        """End without a good response, which counts against the endpoint for this route."""
        self.endpoint.count(event)
        self._load.breaker.failed(self._began, now)
        self._drop()

    def fail_to_connect(self, now: float) -> None:
        """End without a connection, which counts against the endpoint for all routes."""
        self.endpoint.count("connect_failed")
        self.endpoint.breaker.failed(self._began, now)
        self._drop()

    def cancel(self, now: float) -> None:
        """End early, for a reason that says nothing about the endpoint."""
        self._load.breaker.cancelled(self._began, now)
        self.endpoint.breaker.cancelled(self._began, now)
        self._drop()

    def hand_over(self) -> UpstreamConnection:
        """End as a try; the connection has a new owner."""
        connection = self.connection
        assert connection is not None
        self.endpoint.pool.hand_over(connection)
        self._end()
        return connection

    def _drop(self) -> None:
        connection = self.connection
        if connection is not None:
            connection.drop()
        self._end()

    def _end(self) -> None:
        self.body_ended()
        self.connection = None
        self.endpoint.active -= 1
        self._load.active -= 1
        self._share.requests -= 1
