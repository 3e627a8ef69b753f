"""JSON that can be read in one way only (RFC 8259, and the narrower RFC 7493).

Where a name appears twice one reader takes the first value and another one the last, so what a filter in front has
seen need not be what is acted on. The same goes for encodings: JSON on the wire is UTF-8, without a mark in front.
"""

import json
from typing import Any, NoReturn

from tollway.kit.errors import Malformed

MAX_SHOWN = 60


def check_json(body: bytes) -> None:
    """Raise Malformed for a body that is not UTF-8, not JSON, names something twice, or has NaN or Infinity."""
    try:
        json.loads(body.decode(), object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise Malformed("the body is not UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise Malformed("the body is not valid JSON") from error


def _no_duplicates(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise Malformed(f"the body names {name[:MAX_SHOWN]!r} twice")
        seen.add(name)


def _no_constant(name: str) -> NoReturn:
    raise Malformed(f"the body contains {name}, which is no JSON")
