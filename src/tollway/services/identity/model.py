"""The rules of accounts, without any I/O: addresses, passwords, locks."""

import hashlib
import ipaddress
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from email_validator import EmailNotValidError, validate_email

from tollway.contracts.clients import ClientRef
from tollway.kit.errors import Invalid
from tollway.kit.times import DAY_US, HOUR_US, MINUTE_US, SECOND_US
from tollway.services.identity.settings import IdentitySettings

State = Literal["active", "suspended", "deleting", "deleted"]
Purpose = Literal["verify_email", "password_reset", "change_email", "refuse_email_change", "keep_account"]
DeletionState = Literal["waiting", "erasing", "erased", "kept", "stopped"]
LINK_PAGES: Mapping[Purpose, str] = {
    "verify_email": "verify-email",
    "password_reset": "reset-password",
    "change_email": "change-email",
    "refuse_email_change": "refuse-email-change",
    "keep_account": "keep-account",
}
"""The page of the platform that a link of this kind leads to."""
LOGIN_PAGE = "login"
AttemptState = Literal["open", "proven", "signed_in", "ended"]

# NIST and OWASP want 8 with a second factor and 15 without. Ten, checked for strength and guarded by a lock, is
# what people still accept; there is no second factor to ask for yet.
MIN_PASSWORD = 10
MAX_PASSWORD = 1024
# zxcvbn's scale of 0 to 4; 2 is more than a million guesses, and a lock allows a hundred a day.
MIN_STRENGTH = 2
MAX_EMAIL = 254
MAX_USER_AGENT = 200
FAILURES_KEPT_US = HOUR_US
SUCCESSES_KEPT_US = 90 * DAY_US
_ACCOUNT = "account:"
ATTEMPT_LIFE_US = 5 * MINUTE_US


# ── accounts ────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class User:
    """An account. `epoch` counts the events that make older logins worthless.

    `password_hash` is empty while nobody may sign in: the address was registered more than once and never confirmed.
    """

    id: str
    email: str
    email_key: str
    password_hash: str
    roles: tuple[str, ...]
    state: State
    email_verified_at_us: int | None
    password_changed_at_us: int
    created_at_us: int
    epoch: int

    @property
    def email_verified(self) -> bool:
        """Return whether the owner of the address has confirmed the account."""
        return self.email_verified_at_us is not None


@dataclass(frozen=True, slots=True)
class UserFilter:
    """Which accounts are wanted: of this address, whose address begins so, of this id, in this state."""

    email_key: str = ""
    begins: str = ""
    user_id: str = ""
    state: State | None = None


# By which columns accounts are listed; the last differs between any two. Ids are in the order of registration.
_ORDERS: Mapping[str, tuple[str, ...]] = {
    "created_at": ("id",),
    "email": ("email_key",),
    "state": ("state", "id"),
}


@dataclass(frozen=True, slots=True)
class UserOrder:
    """In which order accounts are listed: by `created_at`, `email` or `state`."""

    by: str = "created_at"
    descending: bool = True

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns that make the order."""
        return _ORDERS[self.by]

    def key(self, user: User) -> list[str]:
        """Return what the columns hold of an account."""
        return [str(getattr(user, column)) for column in self.columns]


@dataclass(frozen=True, slots=True)
class EmailLink:
    """A link that a mail carries, to the account's address or to the one in `email`.

    That is the new address of a change, or the one that it had when a change was asked for.
    """

    id: str
    user_id: str
    purpose: Purpose
    created_at_us: int
    expires_at_us: int
    email: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """What an operator noted about a customer. `request_key` names it among the notes of its author."""

    id: str
    user_id: str
    author_id: str
    request_key: str
    text: str
    created_at_us: int


@dataclass(frozen=True, slots=True)
class Deletion:
    """An account that its owner asked to have deleted: waiting → erasing → erased.

    Until `erase_at_us` it waits, and its owner may say that the account is `kept`. It is `stopped` when something
    stands in the way by then, or an operator suspends the account. `forfeit`: what is still held is given up, as much
    of each asset as `given_up` says: what its owner was shown when they asked.
    """

    id: str
    user_id: str
    forfeit: bool
    state: DeletionState
    requested_at_us: int
    erase_at_us: int
    updated_at_us: int
    given_up: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class SignInClient:
    """Where a login comes from. `device` is the cookie of a browser that signed in before."""

    ip: str = ""
    user_agent: str = ""
    device: str = ""


def read_client_info(ip: str, user_agent: str, device: str = "") -> SignInClient:
    """Keep of a request's origin what is an address, and what a person can read."""
    try:
        ip = str(ipaddress.ip_address(ip))
    except ValueError:
        ip = ""
    return SignInClient(
        ip, "".join(char for char in user_agent if char.isprintable())[:MAX_USER_AGENT], device
    )


@dataclass(frozen=True, slots=True)
class Address:
    """An e-mail address as typed, and the key under which it is the same whatever its capitals."""

    email: str
    key: str


def read_address(text: str) -> Address:
    """Check an e-mail address (RFC 5321 length, RFC 5322 syntax, IDNA domain). Raises Invalid.

    No DNS is asked. Only ASCII stands before the @, so that no two addresses look the same.
    """
    try:
        # test_environment admits `.test`, which leads nowhere (RFC 2606) and is handy to try things out.
        found = validate_email(text, check_deliverability=False, allow_smtputf8=False, test_environment=True)
    except EmailNotValidError as error:
        raise Invalid.of("email", str(error)) from error
    if len(found.local_part) > 64 or found.ascii_email is None or len(found.ascii_email) > MAX_EMAIL:
        raise Invalid.of("email", "this address is too long")
    return Address(found.normalized, found.ascii_email.casefold())


def address_key(text: str) -> str:
    """Return the key of an address, or nothing for what cannot be one."""
    try:
        return read_address(text).key
    except Invalid:
        return ""


def tombstone(user_id: str) -> str:
    """Return what stands in the place of the address of somebody who has left; nobody can register it (RFC 6761)."""
    return f"{user_id}@deleted.invalid"


def normalize_password(password: str) -> str:
    """Return a password as it is hashed, the same on every system: OpaqueString (RFC 8265, 4.2.2).

    Every space becomes U+0020 and the text NFC. Capitals and widths stay, as in the profile.
    """
    spaced = "".join(" " if unicodedata.category(char) == "Zs" else char for char in password)
    return unicodedata.normalize("NFC", spaced)


def password_spellings(password: str) -> tuple[str, ...]:
    """Return the forms in which a password may have been hashed: as it is today, then as before it was normalized."""
    before = (password, *(unicodedata.normalize(form, password) for form in ("NFC", "NFD")))
    return tuple(dict.fromkeys((normalize_password(password), *before)))


def check_password(password: str, field: str = "password") -> None:
    """Refuse a password for its length or its characters, naming the field it came in. Raises Invalid."""
    if len(password) > MAX_PASSWORD:
        raise Invalid.of(field, f"must have at most {MAX_PASSWORD} characters")
    if len(normalize_password(password)) < MIN_PASSWORD:
        raise Invalid.of(field, f"must have at least {MIN_PASSWORD} characters; a few words do well")
    if any(unicodedata.category(char) in {"Cc", "Cs"} for char in password):
        raise Invalid.of(field, "must not contain control characters")


def hash_secret(secret: str) -> str:
    """Hash a random secret for storage and lookup; 256 random bits need no salt and no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


# ── signing in ──────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class SignInAttempt:
    """One attempt to sign in: open → proven → signed_in; `ended` when the account changed meanwhile.

    `challenges` are the factors that may be answered now, with what each was asked; `proven` those that were;
    `amr` how (RFC 8176). `user_id` is empty for an address without an account, and `subject` what failures of either
    count against. `version` counts the steps, so that of two answers at the same moment one gets the next.
    """

    id: str
    subject: str
    user_id: str
    user_epoch: int
    client: ClientRef
    ip: str
    user_agent: str
    state: AttemptState
    challenges: Mapping[str, Mapping[str, str]]
    proven: tuple[str, ...]
    amr: tuple[str, ...]
    version: int
    created_at_us: int
    expires_at_us: int


# ── locks ───────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class AttemptCounter:
    """The failures counted against a subject, and when it last succeeded."""

    subject: str
    failures: int = 0
    last_failed_at_us: int = 0
    locked_until_us: int = 0
    succeeded_at_us: int = 0

    def counted(self, now_us: int) -> int:
        """Return the failures that still count."""
        return 0 if now_us - self.last_failed_at_us > FAILURES_KEPT_US else self.failures

    def knows(self, now_us: int) -> bool:
        """Return whether there was a success lately enough to be remembered."""
        return self.succeeded_at_us > now_us - SUCCESSES_KEPT_US


@dataclass(frozen=True, slots=True)
class LockRule:
    """How many failures are free, and how the lock grows after that."""

    free: int
    first_us: int
    longest_us: int


@dataclass(frozen=True, slots=True)
class LockRules:
    """The rules of `Lockout`. From `crowded` failures on, a network's tries at accounts new to it are one at a time."""

    account: LockRule
    everywhere: LockRule
    network: LockRule
    crowded: int


def lock_rules(settings: IdentitySettings) -> LockRules:
    """Return the rules that an operator set."""
    first_us, longest_us = settings.first_lock_s * SECOND_US, settings.longest_lock_s * SECOND_US
    return LockRules(
        account=LockRule(settings.tries_per_account, first_us, longest_us),
        everywhere=LockRule(settings.tries_everywhere, first_us, longest_us),
        network=LockRule(2**62, 0, 0),
        crowded=settings.tries_per_ip,
    )


def charge(counter: AttemptCounter, rule: LockRule, now_us: int) -> AttemptCounter:
    """Count an attempt as failed before it is checked; a success refunds it.

    The try that uses up the free ones locks the subject, so of many at once only the free ones get through.
    """
    failures = counter.counted(now_us) + 1
    lock_us = 0
    if failures >= rule.free:
        lock_us = min(rule.first_us << min(failures - rule.free, 30), rule.longest_us)
    return replace(
        counter,
        failures=failures,
        last_failed_at_us=now_us,
        locked_until_us=now_us + lock_us if lock_us else 0,
    )


def refund(counter: AttemptCounter, charged: AttemptCounter) -> AttemptCounter:
    """Take one charged try off again, and the lock if this very try had set it."""
    lock = 0 if counter.locked_until_us == charged.locked_until_us else counter.locked_until_us
    return replace(counter, failures=max(counter.failures - 1, 0), locked_until_us=lock)


def account_subject(email_key: str) -> str:
    """Name an account by its address, known or not, without keeping what strangers typed."""
    return _ACCOUNT + hash_secret(email_key)


def is_account(subject: str) -> bool:
    """Return whether a subject is a whole account, from wherever it is tried."""
    return subject.startswith(_ACCOUNT) and "@" not in subject


def here_subject(account: str, ip: str) -> str:
    """Name an account as it is tried from one network."""
    return f"{account}@{ip_subject(ip)}"


def device_subject(name: str) -> str:
    """Name a browser that an account signed in from before."""
    return "device:" + hash_secret(name)


def session_subject(user_id: str, session_id: str) -> str:
    """Name a session that proves its password again."""
    return f"session:{user_id}:{session_id}"


def ip_subject(ip: str) -> str:
    """Name where a try came from: an IPv4 address, or the /64 that one customer of IPv6 usually has."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return "ip:unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return f"ip:{address.ipv4_mapped}"
        return f"ip:{ipaddress.ip_network((int(address), 64), strict=False)}"
    return f"ip:{address}"
