"""Signing in: proving who somebody is in `attempt`, opening the session for it in `session`."""

from tollway.services.identity.service.signin.attempt import Challenge, SignIn
from tollway.services.identity.service.signin.session import SessionOpener, SignedIn

__all__ = ["Challenge", "SessionOpener", "SignIn", "SignedIn"]
