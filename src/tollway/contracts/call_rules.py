"""What a service may send to a method that it may call, and for whom it may call it.

It books in its own name, of its own kinds, on its own accounts. With somebody's access token it asks for what is
theirs; for what is another's the token is an operator's. What only people ask for takes no call without a token.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from tollway.contracts import chart
from tollway.contracts.books import PLATFORM, USER
from tollway.contracts.catalog_pb2 import PriceRequest
from tollway.contracts.identity_pb2 import GetUserRequest
from tollway.contracts.ledger_pb2 import (
    AccountRef,
    DefineAssetRequest,
    ListAccountsRequest,
    ListLotsRequest,
    PostRequest,
    ReserveRequest,
    ReverseRequest,
)
from tollway.contracts.permissions import OPERATOR_ROLES
from tollway.contracts.tokens_pb2 import OpenSessionRequest, RevokeRequest
from tollway.contracts.user_data_pb2 import ExportRequest, ListObstaclesRequest
from tollway.kit.errors import Forbidden


class Person(Protocol):
    """Who stands behind a call, as their access token says."""

    @property
    def user_id(self) -> str: ...
    @property
    def roles(self) -> frozenset[str]: ...


# ── what a caller may send ──────────────────────────────────────────────────────────────────────────────


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


# ── for whom a caller may call ──────────────────────────────────────────────────────────────────────────


def price_for(request: PriceRequest, _caller: str, person: Person | None) -> None:
    """Raise Forbidden unless the buyer asks for their price."""
    _needed(person)
    _own(request.buyer, person)


def accounts_of(request: ListAccountsRequest | ListLotsRequest, _caller: str, person: Person | None) -> None:
    """Raise Forbidden unless a customer's accounts are looked at by the customer, or by an operator."""
    if request.owner_kind == USER:
        _needed(person)
        _own(request.owner_id, person)


def user_for(request: GetUserRequest, caller: str, person: Person | None) -> None:
    """Raise Forbidden when somebody looks up another; to whom one gives something is looked up by the ledger."""
    if caller != "ledger":
        _own(request.user_id, person)


def session_for(request: OpenSessionRequest | RevokeRequest, _caller: str, person: Person | None) -> None:
    """Raise Forbidden when somebody opens or ends another's session."""
    _own(request.user_id, person)


def kept_for(request: ExportRequest | ListObstaclesRequest, _caller: str, person: Person | None) -> None:
    """Raise Forbidden when somebody asks for what is kept of another; the file and the leaving are done by jobs."""
    _own(request.user_id, person)


def asset_for(_request: DefineAssetRequest, _caller: str, person: Person | None) -> None:
    """Raise Forbidden when somebody who is no operator makes an asset known."""
    _operator(person)


def post_for(request: PostRequest, _caller: str, person: Person | None) -> None:
    """Raise Forbidden when somebody who is no operator is behind what only operators cause."""
    if request.code in chart.OPERATOR_KINDS:
        _operator(person)


ACTING_RULES: Mapping[str, Mapping[str, Callable[[Any, str, Any], None]]] = {
    "catalog": {"Price": price_for},
    "identity": {"GetUser": user_for},
    "ledger": {
        "DefineAsset": asset_for,
        "ListAccounts": accounts_of,
        "ListLots": accounts_of,
        "Post": post_for,
    },
    "tokens": {"OpenSession": session_for, "Revoke": session_for},
    "user_data": {"Export": kept_for, "ListObstacles": kept_for},
}
"""API → method → what is checked of a request, its caller, and the person whose token came with it."""


NEEDS_TOKEN: Mapping[str, frozenset[str]] = {
    "ledger": frozenset(("DefineAsset", "Post", "RecordUse", "Release", "Reserve", "Reverse")),
    "notifications": frozenset(("SendEmail",)),
    "tokens": frozenset(("OpenSession", "Revoke")),
    "user_data": frozenset(("Export", "ListObstacles")),
}
"""API → methods that nobody calls without an access token: they move money, open or end sessions, write to people, or
give away what is kept of somebody."""


def _needed(person: Person | None) -> None:
    if person is None:
        raise Forbidden("this is asked for with the access token of the person it is for")


def _own(user_id: str, person: Person | None) -> None:
    if person is not None and user_id != person.user_id:
        _operator(person)


def _operator(person: Person | None) -> None:
    if person is not None and OPERATOR_ROLES.isdisjoint(person.roles):
        raise Forbidden("this takes an operator's access token")
