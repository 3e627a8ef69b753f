"""Gifts on books of tests: everybody is a customer, and some cannot receive anything."""

from typing import Any

from tests.kit.books import Books
from tollway.contracts import identity_pb2, identity_pb2_grpc
from tollway.fabric.rpc import LocalChannel, LocalServer
from tollway.kit.errors import NotFound
from tollway.services.ledger.service.gifts import Gifts


class Directory(identity_pb2_grpc.IdentityServicer):
    """Knows every `usr_<name>` as `<name>@example.com`; by a word in the name also suspended, deleted and new ones."""

    async def GetUser(self, request: identity_pb2.GetUserRequest, context: Any) -> identity_pb2.User:
        name = request.user_id.removeprefix("usr_") or request.email.lower().removesuffix("@example.com")
        if "nobody" in name or "@" in name:
            raise NotFound
        state = next((state for state in ("suspended", "deleted") if state in name), "active")
        return identity_pb2.User(
            id=f"usr_{name}",
            email=f"{name}@example.com",
            email_verified="new" not in name,
            state=state,
        )

    async def EnsureOperator(
        self, request: identity_pb2.EnsureOperatorRequest, context: Any
    ) -> identity_pb2.User:
        raise NotImplementedError


def gifts_of(books: Books) -> Gifts:
    """Make gifts on these books."""
    server = LocalServer()
    identity_pb2_grpc.add_IdentityServicer_to_server(Directory(), server)
    identity: Any = identity_pb2_grpc.IdentityStub(LocalChannel(server, "ledger"))
    return Gifts(books.ledger, identity)
