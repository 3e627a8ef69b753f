"""The service API of the identity service."""

from dataclasses import replace
from typing import Any

from tollway.contracts import identity_pb2, identity_pb2_grpc
from tollway.services.identity.model import User
from tollway.services.identity.service import Identity


class IdentityRpc(identity_pb2_grpc.IdentityServicer):
    """Serves `contracts/identity.proto`."""

    def __init__(self, service: Identity) -> None:
        self._service = service

    async def GetUser(self, request: identity_pb2.GetUserRequest, context: Any) -> identity_pb2.User:
        """Return an account by its id, or by its address. Raises NotFound.

        One that is being erased is deleted for everybody else: nobody can undo that any more.
        """
        accounts, leaving = self._service.accounts, self._service.leaving
        by_id = bool(request.user_id)
        user = await (accounts.get(request.user_id) if by_id else accounts.get_by_email(request.email))
        if user.state == "deleting" and await leaving.is_erasing(user.id):
            user = replace(user, state="deleted")
        return _render(user)

    async def EnsureOperator(
        self, request: identity_pb2.EnsureOperatorRequest, context: Any
    ) -> identity_pb2.User:
        """Make sure that an address is an operator's. Raises Invalid."""
        return _render(await self._service.accounts.ensure_operator(request.email, request.password))


def _render(user: User) -> identity_pb2.User:
    return identity_pb2.User(
        id=user.id,
        email=user.email,
        email_verified=user.email_verified,
        roles=user.roles,
        state=user.state,
        created_at_us=user.created_at_us,
    )
