"""Metadata: up to 50 pairs of the caller's own. A new value replaces, an empty one removes, `""` removes all."""

from typing import Any

from tollway.services.payments_mock.model.refusals import Refused

MAX_PAIRS = 50
MAX_KEY = 40
MAX_VALUE = 500


def merged(before: dict[str, str], change: Any) -> dict[str, str]:
    """Return the metadata after a change. Raises Refused when it grows beyond the limits."""
    if change is None:
        return before
    if change == "":
        return {}
    after = {**before, **change}
    for key, value in after.items():
        if len(key) > MAX_KEY:
            text = f"Metadata keys can be up to {MAX_KEY} characters long."
            raise Refused(400, text, param="metadata")
        if len(value) > MAX_VALUE:
            text = f"Metadata values can be up to {MAX_VALUE} characters long."
            raise Refused(400, text, param=f"metadata[{key}]")
    after = {key: value for key, value in after.items() if value != ""}
    if len(after) > MAX_PAIRS:
        raise Refused(400, f"Metadata can have up to {MAX_PAIRS} keys.", param="metadata")
    return after
