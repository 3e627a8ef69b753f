"""Events of identity. Who somebody is."""

from tollway.contracts.events.event import Event


class UserRegistered(Event):
    topic, source = "USER_REGISTERED", "identity"
    user_id: str
    email: str


class EmailVerified(Event):
    topic, source = "EMAIL_VERIFIED", "identity"
    user_id: str
    email: str


class UserLoggedIn(Event):
    topic, source = "USER_LOGGED_IN", "identity"
    user_id: str
    ip: str
    user_agent: str


class LoginFailed(Event):
    topic, source = "LOGIN_FAILED", "identity"
    user_id: str
    ip: str
    reason: str


class AccountWasLocked(Event):
    topic, source = "ACCOUNT_LOCKED", "identity"
    user_id: str
    until_us: int


class PasswordChanged(Event):
    """A password was replaced. Sessions end but for `session_id`, and credentials unless they are to be kept."""

    topic, source = "PASSWORD_CHANGED", "identity"
    user_id: str
    session_id: str = ""
    at_us: int = 0
    keep_credentials: bool = False


class EmailChangeRequested(Event):
    """Somebody who is signed in asked for another address; it waits to be confirmed."""

    topic, source = "EMAIL_CHANGE_REQUESTED", "identity"
    user_id: str


class EmailChanged(Event):
    """The account has another address, `email`, which its owner confirmed."""

    topic, source = "EMAIL_CHANGED", "identity"
    user_id: str
    email: str


class EmailChangeRefused(Event):
    """The owner of the old address refused a change or undid it; the password works no more."""

    topic, source = "EMAIL_CHANGE_REFUSED", "identity"
    user_id: str


class UserStateChanged(Event):
    topic, source = "USER_STATE_CHANGED", "identity"
    user_id: str
    state: str
    reason: str


class UserDeleted(Event):
    """Somebody has left for good: whoever keeps something of them erases it.

    `reason` is `asked` or `never_confirmed`. `forfeit`: they gave up what they still hold.
    """

    topic, source = "USER_DELETED", "identity"
    user_id: str
    reason: str
    forfeit: bool = False


class UserRolesChanged(Event):
    """An operator gave somebody other roles; `roles` are those from now on."""

    topic, source = "USER_ROLES_CHANGED", "identity"
    user_id: str
    roles: list[str]
    reason: str


class NoteAdded(Event):
    """An operator noted something about a customer. What it says is erased with the customer, so it is not in here."""

    topic, source = "NOTE_ADDED", "identity"
    user_id: str
    note_id: str


class RegistrationRepeated(Event):
    """An address that nobody confirmed yet was registered again: its account has no password until somebody does."""

    topic, source = "REGISTRATION_REPEATED", "identity"
    user_id: str


class LinkRequested(Event):
    """A link was asked for, to confirm an address or to set a password; `mailed` is False when there were too many."""

    topic, source = "LINK_REQUESTED", "identity"
    user_id: str
    purpose: str
    mailed: bool
