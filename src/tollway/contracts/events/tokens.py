"""Events of tokens. Sessions and signing keys."""

from tollway.contracts.events.event import Event


class SessionOpened(Event):
    topic, source = "SESSION_OPENED", "tokens"
    session_id: str
    user_id: str


class SessionRevoked(Event):
    topic, source = "SESSION_REVOKED", "tokens"
    session_id: str
    user_id: str
    reason: str


class SigningKeyRotated(Event):
    """Access tokens are signed with another key from now on; an operator asked for it, or its time had come."""

    topic, source = "SIGNING_KEY_ROTATED", "tokens"
    kid: str


class SigningKeyRevoked(Event):
    """A signing key is published no more: what was signed with it is good for nothing."""

    topic, source = "SIGNING_KEY_REVOKED", "tokens"
    kid: str


class SessionRefreshed(Event):
    topic, source = "SESSION_REFRESHED", "tokens"
    session_id: str
    user_id: str
