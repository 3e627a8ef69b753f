"""The REST side of accounts and sign-in, one file per subject."""

from fastapi import APIRouter

from tollway.services.identity.http import account, admin, notes, recovery, signin, signup
from tollway.services.identity.service import Identity


def router(service: Identity) -> APIRouter:
    """Return every route of the identity service."""
    routes = APIRouter()
    for subject in (signup, signin, recovery, account, admin, notes):
        subject.add_routes(routes, service)
    return routes


__all__ = ["router"]
