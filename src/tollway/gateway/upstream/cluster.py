"""A cluster: the endpoints that answer the same requests, and the choice between them.

Health is passive: an endpoint's breaker learns from the requests that it was given. The retry budget belongs to the
cluster, so that a sick one does not get twice the requests.
"""

from collections.abc import Collection

from tollway.gateway.upstream.balance import BALANCERS, Balancer
from tollway.gateway.upstream.endpoint import Endpoint

_RETRY_SHARE = 0.2  # retries, as a share of all requests
_RETRY_RESERVE = 10.0


class Cluster:
    """Endpoints under one name."""

    __slots__ = ("_balance", "_retries_left", "_turn", "endpoints", "name")

    def __init__(self, name: str, endpoints: tuple[Endpoint, ...], balancer: Balancer) -> None:
        self.name = name
        self.endpoints = endpoints
        self._balance = BALANCERS[balancer]
        self._turn = 0
        self._retries_left = _RETRY_RESERVE

    def pick(self, route: str, now: float, failed: Collection[Endpoint] = ()) -> Endpoint | None:
        """Return the endpoint for a try: one whose breakers admit it, and that did not fail for this request."""
        endpoints = self.endpoints
        if len(endpoints) > 1:
            endpoints = self._balance(endpoints, self._turn)
            self._turn += 1
        for endpoint in endpoints:
            if endpoint in failed:
                continue
            if endpoint.allows(route, now):
                return endpoint
            endpoint.count("breaker_open")
        return None

    def count_request(self) -> None:
        """Count a new request, which adds a little to what may be retried."""
        self._retries_left = min(self._retries_left + _RETRY_SHARE, _RETRY_RESERVE)

    def may_retry(self) -> bool:
        """Take one retry from the budget."""
        if self._retries_left < 1:
            return False
        self._retries_left -= 1
        return True
