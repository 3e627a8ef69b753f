"""In which order the endpoints of a cluster are tried."""

from collections.abc import Callable, Sequence
from typing import Literal

from tollway.gateway.upstream.endpoint import Endpoint

Balancer = Literal["least_requests", "round_robin"]


def round_robin(endpoints: Sequence[Endpoint], turn: int) -> list[Endpoint]:
    """Begin with the next one each time."""
    first = turn % len(endpoints)
    return [*endpoints[first:], *endpoints[:first]]


def least_requests(endpoints: Sequence[Endpoint], turn: int) -> list[Endpoint]:
    """Begin with the one that is at work on the fewest requests; among equals, take turns."""
    return sorted(round_robin(endpoints, turn), key=lambda one: one.active)


BALANCERS: dict[Balancer, Callable[[Sequence[Endpoint], int], list[Endpoint]]] = {
    "least_requests": least_requests,
    "round_robin": round_robin,
}
