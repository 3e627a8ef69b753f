"""The rules of profiles, without any I/O."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tollway.kit.errors import Invalid
from tollway.kit.times import time_zones

MAX_NAME = 100
MAX_PREFERENCES = 50
MAX_PREFERENCE_VALUE = 500
_LOCALE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,30}(/[A-Za-z0-9_+-]{1,30}){0,2}")
_PREFERENCE = re.compile(r"[a-z][a-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class Profile:
    """A user's own description. `version` counts the changes."""

    user_id: str
    display_name: str = ""
    locale: str = "en"
    time_zone: str = "UTC"
    preferences: Mapping[str, str] = field(default_factory=dict[str, str])
    created_at_us: int = 0
    updated_at_us: int = 0
    version: int = 1


ExportState = Literal["working", "ready"]


@dataclass(frozen=True, slots=True)
class Export:
    """A file with all that the platform keeps of a user. One that is over has no row any more."""

    id: str
    user_id: str
    state: ExportState
    requested_at_us: int
    ready_at_us: int
    expires_at_us: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class ExportPart:
    """A piece of an export's file: some rows of one table, or at the end the directory, with no service.

    `key` is where it lies, `cursor` where its rows end, `members` what the zip's directory says of it.
    """

    export_id: str
    number: int
    key: str
    size_bytes: int
    service: str
    table_name: str
    purpose: str
    rows: int
    members: list[dict[str, Any]]
    cursor: str
    made_at_us: int


def check_name(name: str) -> str:
    """Return a display name without outer blanks. Raises Invalid."""
    name = name.strip()
    if len(name) > MAX_NAME or not name.isprintable():
        raise Invalid.of("display_name", f"must be at most {MAX_NAME} printable characters")
    return name


def check_locale(locale: str) -> str:
    """Check a language tag such as `en` or `pt-BR` (the common part of RFC 5646). Raises Invalid."""
    if not _LOCALE.fullmatch(locale):
        raise Invalid.of("locale", "must be a language tag such as en or pt-BR")
    return locale


def check_time_zone(zone: str) -> str:
    """Check the name of a time zone such as `Europe/Berlin`. Raises Invalid."""
    # A machine without the zone database can only judge the form.
    known = time_zones()
    if zone != "UTC" and (not _ZONE.fullmatch(zone) or (known and zone not in known)):
        raise Invalid.of("time_zone", "must be a name of the IANA database such as Europe/Berlin")
    return zone


def check_preferences(preferences: Mapping[str, str]) -> dict[str, str]:
    """Check a whole set of preferences. Raises Invalid."""
    if len(preferences) > MAX_PREFERENCES:
        raise Invalid.of("preferences", f"at most {MAX_PREFERENCES} can be kept")
    for name, value in preferences.items():
        if not _PREFERENCE.fullmatch(name):
            reason = "a name has up to 64 lower-case letters, digits, dots, dashes and underscores"
            raise Invalid.of("preferences", reason)
        if len(value) > MAX_PREFERENCE_VALUE or not value.isprintable():
            reason = f"must be at most {MAX_PREFERENCE_VALUE} printable characters"
            raise Invalid.of(f"preferences.{name}", reason)
    return dict(preferences)
