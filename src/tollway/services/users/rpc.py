"""The service API of the users service."""

from typing import Any

from tollway.contracts import users_pb2, users_pb2_grpc
from tollway.services.users.service import Users


class UsersRpc(users_pb2_grpc.UsersServicer):
    """Serves `contracts/users.proto`."""

    def __init__(self, service: Users) -> None:
        self._service = service

    async def GetProfile(self, request: users_pb2.GetProfileRequest, context: Any) -> users_pb2.Profile:
        """Return a user's profile, made on first use. Raises NotFound for what is no user's id."""
        profile = await self._service.profile(request.user_id)
        return users_pb2.Profile(
            user_id=profile.user_id,
            display_name=profile.display_name,
            locale=profile.locale,
            time_zone=profile.time_zone,
            preferences=profile.preferences,
            created_at_us=profile.created_at_us,
            updated_at_us=profile.updated_at_us,
        )
