"""Browsers that an account signed in from before: what strangers fail at does not lock them out.

A browser keeps a cookie that proves it, which alone lets nobody in. It holds a random name and a code over that name
and the account, so nothing has to be stored. A new password makes it worthless.
"""

import base64
import hashlib
import hmac
import re
import secrets

from tollway.services.identity.model import User, account_subject, device_subject

_COOKIE = re.compile(r"([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})")


class Devices:
    """Makes and recognizes the cookies of known browsers."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def issue(self, user: User) -> str:
        """Return a new cookie for a browser that this user just signed in from."""
        name = secrets.token_urlsafe(16)
        return f"{name}.{self._code(user, name)}"

    def subject(self, user: User | None, email_key: str, cookie: str) -> str:
        """Return what attempts at an address count against: the browser when the account knows it, else the account."""
        match = _COOKIE.fullmatch(cookie)
        if user is not None and match and hmac.compare_digest(self._code(user, match[1]), match[2]):
            return device_subject(match[1])
        return account_subject(email_key)

    def _code(self, user: User, name: str) -> str:
        text = f"{user.id}.{user.password_changed_at_us}.{name}"
        digest = hmac.new(self._key, text.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")
