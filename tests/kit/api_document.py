"""The committed API document, as tests look things up in it."""

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from tollway.fabric.rest.docs import DOCUMENT
from tollway.fabric.rest.policy import PROBLEMS

API: dict[str, Any] = json.loads(DOCUMENT.read_text())
SCHEMAS: dict[str, Any] = API["components"]["schemas"]


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """List every operation as method, path and description."""
    for path, methods in API["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference into the components."""
    if "$ref" not in part:
        return part
    _, _, kind, name = part["$ref"].split("/")
    return API["components"][kind][name]


def refusals(operation: dict[str, Any]) -> set[str]:
    """Return the codes of the problems that an operation may answer."""
    return {code for one in operation["responses"].values() for code in resolved(one).get(PROBLEMS, ())}


def refusals_of(method: str, path: str) -> set[str] | None:
    """Return the codes that the document lists for a request; None where it has no such operation."""
    found = [one for pattern, one in _patterns(method) if pattern.fullmatch(path)]
    return refusals(found[0]) if found else None


@cache
def _patterns(method: str) -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    known = [(path, one) for found, path, one in operations() if found == method]
    # A fixed address goes before one with a gap that it would fill.
    known.sort(key=lambda one: one[0].count("{"))
    return [(re.compile(re.sub(r"{[^}]+}", "[^/]+", path)), one) for path, one in known]
