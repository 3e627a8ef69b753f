"""Form-encoded nested parameters, the request format of Stripe's first API.

`card[number]=4242&expand[0]=customer&expand[]=charge` becomes
`{"card": {"number": "4242"}, "expand": {"0": "customer", "1": "charge"}}`. Lists stay dictionaries with
numeric keys here: whether `metadata[0]` is a list or a dictionary is for the parameter's type to say.
"""

import re
from typing import Any, TypeGuard
from urllib.parse import parse_qsl

from tollway.services.payments_mock.model.refusals import Refused

Form = dict[str, Any]

MAX_FIELDS = 2_000
MAX_DEPTH = 8
_KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_PART = re.compile(r"\[([^\[\]]*)\]")


def decode(text: str) -> Form:
    """Parse a query string or form body. Raises Refused for what cannot be read."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError as error:
        raise Refused(400, "Invalid request: the form cannot be read.") from error
    form: Form = {}
    for key, value in pairs:
        _put(form, _path(key), value, key)
    return form


def is_group(value: Any) -> TypeGuard[Form]:
    """Distinguish a group of parameters from a single value."""
    return isinstance(value, dict)


def as_list(value: Form) -> list[Any] | None:
    """Read a dictionary with the keys 0, 1, 2 … as the list that it stands for; None when it isn't one."""
    if not all(key.isascii() and key.isdigit() for key in value):
        return None
    return [value[key] for key in sorted(value, key=int)]


def _path(key: str) -> list[str]:
    match = _KEY.fullmatch(key)
    if match is None:
        raise Refused(400, f"Invalid request: the parameter name {key[:60]!r} cannot be read.", param=key)
    path = [match[1], *_PART.findall(match[2])]
    if len(path) > MAX_DEPTH:
        raise Refused(400, f"Invalid request: {key[:60]!r} is nested too deeply.", param=key)
    return path


def _put(form: Form, path: list[str], value: str, key: str) -> None:
    clash = Refused(400, f"Invalid request: {key[:60]!r} is both a value and a group.", param=key)
    here: Form = form
    for step in path[:-1]:
        inner = here.setdefault(step or str(len(here)), {})
        if isinstance(inner, str):
            raise clash
        here = inner
    last = path[-1] or str(len(here))
    if isinstance(here.get(last), dict):
        raise clash
    here[last] = value
