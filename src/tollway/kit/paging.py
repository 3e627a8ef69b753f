"""Keyset paging: an opaque cursor that holds the last row's sort key."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from tollway.kit.errors import Invalid

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some items in order, and the cursor of the next page (empty on the last)."""

    items: Sequence[Item]
    next_cursor: str = ""


def encode_cursor(key: Sequence[str | int]) -> str:
    """Make an opaque cursor from the sort key of the last item shown."""
    return base64.urlsafe_b64encode(json.dumps(list(key)).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, width: int) -> list[str | int] | None:
    """Read a cursor of `width` parts; None for an empty one. Raises Invalid for one we did not make."""
    if not cursor:
        return None
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError) as error:
        raise Invalid("cursor is not one that this API gave out; start without one") from error
    if not isinstance(key, list) or len(key) != width:  # pyright: ignore[reportUnknownArgumentType]
        raise Invalid("cursor belongs to another list; start without one")
    return key  # pyright: ignore[reportUnknownVariableType]


def cut_page(rows: Sequence[Item], limit: int, key: Callable[[Item], Sequence[str | int]]) -> Page[Item]:
    """Make a page of `limit` items out of up to limit + 1 rows."""
    shown = rows[:limit]
    return Page(shown, encode_cursor(key(shown[-1])) if len(rows) > limit else "")
