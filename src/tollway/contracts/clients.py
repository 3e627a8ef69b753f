"""What clients a session can be opened for, and the names that browsers and tokens know them by."""

from dataclasses import dataclass
from typing import Literal, get_args

SESSION_COOKIE = "__Host-sid"
"""The cookie of a browser's session. The prefix ties it to this host and to HTTPS (RFC 6265bis, 4.1.3.2)."""

DEVICE_COOKIE = "__Host-device"
"""The cookie by which an account knows a browser again that it signed in from. It lets nobody in."""

ALL_SCOPES = "*"
"""The scope of a client that may do whatever its user may."""

ClientKind = Literal["browser", "program"]
CLIENT_KINDS: tuple[ClientKind, ...] = get_args(ClientKind)


@dataclass(frozen=True, slots=True)
class ClientRef:
    """The client that holds a session.

    `kind` says what it holds: a browser a cookie, a program a refresh token. `client_id` is the OAuth client
    identifier (RFC 6749, 2.2). `scopes` limit what may be done with the session (RFC 6749, 3.3): permissions such as
    `orders:read`, or `ALL_SCOPES`.
    """

    kind: ClientKind
    client_id: str
    scopes: tuple[str, ...] = (ALL_SCOPES,)


BROWSER = ClientRef("browser", "tollway-browser")
PROGRAM = ClientRef("program", "tollway-program")
