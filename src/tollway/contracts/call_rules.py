"""What a service may send to a method that it may call: it books in its own name, of its own kinds, on its accounts."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tollway.contracts import chart
from tollway.contracts.books import PLATFORM
from tollway.contracts.ledger_pb2 import AccountRef, PostRequest, ReserveRequest, ReverseRequest
from tollway.kit.errors import Forbidden


def check_post(request: PostRequest, caller: str) -> None:
    """Raise Forbidden for a transaction in another's name, of another's kind, or on accounts of another service."""
    _check_scope(request.scope, caller)
    if chart.KIND_OWNERS.get(request.code) != caller:
        raise Forbidden(f"{caller} posts no transactions of the kind {request.code!r}")
    for ref in _accounts(request):
        _check_account(ref, caller)


def check_reverse(request: ReverseRequest, caller: str) -> None:
    """Raise Forbidden for a reversal in another's name."""
    _check_scope(request.scope, caller)


def check_reserve(request: ReserveRequest, caller: str) -> None:
    """Raise Forbidden for a reservation on platform accounts that are none of the caller's."""
    for ref in (getattr(request, "from"), request.to):
        _check_account(ref, caller)


RULES: Mapping[str, Mapping[str, Callable[[Any, str], None]]] = {
    "ledger": {"Post": check_post, "Reverse": check_reverse, "Reserve": check_reserve},
}
"""API → method → what is checked of a request and its caller."""


def _accounts(request: PostRequest) -> Iterator[AccountRef]:
    for leg in request.legs:
        yield from (leg.debit, leg.credit, leg.lot.deferred, leg.lot.revenue, leg.lot.breakage)


def _check_scope(scope: str, caller: str) -> None:
    if scope != caller:
        raise Forbidden(f"{caller or 'an unnamed caller'} posts in its own scope, not in {scope!r}")


def _check_account(ref: AccountRef, caller: str) -> None:
    if ref.owner_kind != PLATFORM or ref.owner_id == caller:
        return
    kind = chart.find(ref.owner_kind, ref.owner_id, ref.purpose)
    if kind is None or caller not in kind.shared_with:
        raise Forbidden(
            f"{caller or 'an unnamed caller'} may not book on {ref.owner_id}'s account {ref.purpose!r}"
        )
