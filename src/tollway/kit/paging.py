"""Keyset paging: an opaque cursor that holds the last row's sort key."""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, cast, overload

from tollway.kit.errors import Invalid
from tollway.kit.money import MAX_UNITS

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
Item = TypeVar("Item")
First = TypeVar("First", str, int)
Second = TypeVar("Second", str, int)
MAX_CURSOR_LENGTH = 7_168


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some items in order, and the cursor of the next page (empty on the last)."""

    items: Sequence[Item]
    next_cursor: str = ""


def encode_cursor(key: Sequence[str | int]) -> str:
    """Make an opaque cursor from the sort key of the last item shown."""
    return base64.urlsafe_b64encode(json.dumps(list(key)).encode()).decode().rstrip("=")


@overload
def decode_cursor(cursor: str, first: type[First], /) -> tuple[First] | None: ...
@overload
def decode_cursor(
    cursor: str, first: type[First], second: type[Second], /
) -> tuple[First, Second] | None: ...
def decode_cursor(cursor: str, *kinds: type[str] | type[int]) -> tuple[str | int, ...] | None:
    """Read a cursor whose parts are of these kinds; None for an empty one.

    A cursor comes back from outside, so it is held to what `encode_cursor` may have been given: integers that are not
    negative and fit 64 bits, and printable text. Raises Invalid for anything else.
    """
    if not cursor:
        return None
    if len(cursor) > MAX_CURSOR_LENGTH:
        raise invalid_cursor()
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError) as error:
        raise invalid_cursor() from error
    if not isinstance(key, list):
        raise invalid_cursor()
    parts = cast("list[object]", key)
    if len(parts) != len(kinds) or not all(map(_is_part, parts, kinds)):
        raise invalid_cursor()
    return tuple(cast("list[str | int]", parts))


def invalid_cursor() -> Invalid:
    """Refuse a cursor that is of another list, or of nobody."""
    return Invalid.of("cursor", "is not one that this list gave out; start without one")


def make_page(rows: Sequence[Item], limit: int, key: Callable[[Item], Sequence[str | int]]) -> Page[Item]:
    """Make a page of `limit` items out of up to limit + 1 rows."""
    shown = rows[:limit]
    return Page(shown, encode_cursor(key(shown[-1])) if len(rows) > limit else "")


def _is_part(part: object, kind: type[str] | type[int]) -> bool:
    if kind is int:
        return type(part) is int and 0 <= part <= MAX_UNITS
    return isinstance(part, str) and part.isprintable()
