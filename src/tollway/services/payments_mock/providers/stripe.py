"""The official SDK's parameter types as the mock's schema.

The SDK declares for every request a TypedDict (`PaymentIntentCreateParams`, …) that says which parameters
exist, which are required and of what type. Form fields are checked and converted by walking these types, so
the schema is always the pinned SDK's own. The types are read on first use: the SDK takes 0.3 s to import.
"""

import re
import types
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from importlib import import_module
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from tollway.services.payments_mock.model.forms import Form, as_list, is_group
from tollway.services.payments_mock.model.refusals import Refused, invalid, missing

_WHOLE = re.compile(r"-?\d{1,18}")
_DECIMAL = re.compile(r"-?\d{1,18}(\.\d{1,12})?")


def check(name: str, form: Form) -> dict[str, Any]:
    """Convert a form to typed parameters by the SDK's type, e.g. `"checkout.SessionCreateParams"`.

    Raises Refused for what the type does not know, what it requires, and what does not fit.
    """
    return _group(_class(name), form, "", _request_options())


def _group(kind: type, form: Form, path: str, not_sent: frozenset[str] = frozenset()) -> dict[str, Any]:
    known = _members(kind)
    unknown = [_join(path, key) for key in form if key not in known or key in not_sent]
    if unknown:
        text = f"Received unknown parameter{'s' if len(unknown) > 1 else ''}: {', '.join(unknown)}"
        raise Refused(400, text, code="parameter_unknown", param=unknown[0])
    required: frozenset[str] = getattr(kind, "__required_keys__")  # noqa: B009  TypedDicts have it, type does not
    for key in sorted(required - not_sent):
        if form.get(key, "") == "":
            raise missing(_join(path, key))
    return {key: _convert(known[key], value, _join(path, key)) for key, value in form.items()}


def _convert(kind: Any, value: Any, path: str) -> Any:
    """Convert one value. Raises Refused when it does not fit its type."""
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _one_of(get_args(kind), value, path)
    if origin is Literal:
        return _choice(get_args(kind), value, path)
    if origin is list:
        return _list(get_args(kind)[0], value, path)
    if origin is dict:
        return _dictionary(get_args(kind)[1], value, path)
    if _has_members(kind):
        if is_group(value):
            return _group(kind, value, path)
        raise invalid(path, "Invalid object", "parameter_invalid_object")
    if is_group(value):
        raise invalid(path, f"Invalid string for {path}: a single value is needed")
    return _SCALARS.get(kind, _text)(value, path)


def _one_of(kinds: tuple[Any, ...], value: Any, path: str) -> Any:
    choices = [choice for kind in kinds if get_origin(kind) is Literal for choice in get_args(kind)]
    if value in choices:
        return value
    named = [choice for choice in choices if choice != ""]
    refused: Refused | None = None
    for kind in kinds:
        # `Literal['a', 'b'] | str` is how the SDK writes a list of choices that may grow: still only those.
        if get_origin(kind) is Literal or (kind is str and named) or not _shaped(kind, value):
            continue
        try:
            return _convert(kind, value, path)
        except Refused as error:
            refused = refused or error
    if named and not is_group(value):
        return _choice(tuple(named), value, path)
    raise refused or invalid(path, f"Invalid value for {path}")


def _shaped(kind: Any, value: Any) -> bool:
    """Return whether a form value of this shape (single or nested) can be meant for the type."""
    nested = _has_members(kind) or get_origin(kind) in (list, dict)
    simple = kind in _SCALARS or kind is str
    return nested if is_group(value) else simple


def _has_members(kind: Any) -> bool:
    # The SDK makes its TypedDicts with typing_extensions, which typing.is_typeddict does not know.
    return isinstance(kind, type) and hasattr(kind, "__required_keys__")


def _choice(choices: tuple[Any, ...], value: Any, path: str) -> Any:
    if value in choices:
        return value
    text = f"Invalid {path}: must be one of {', '.join(map(str, choices))}"
    raise invalid(path, text)


def _list(kind: Any, value: Any, path: str) -> list[Any]:
    items = as_list(value) if is_group(value) else [] if value == "" else None
    if items is None:
        raise invalid(path, "Invalid array", "parameter_invalid_array")
    return [_convert(kind, item, f"{path}[{index}]") for index, item in enumerate(items)]


def _dictionary(kind: Any, value: Any, path: str) -> dict[str, Any]:
    if not is_group(value):
        raise invalid(path, "Invalid hash", "parameter_invalid_hash")
    return {key: _convert(kind, item, _join(path, key)) for key, item in value.items()}


def _whole(value: str, path: str) -> int:
    if not _WHOLE.fullmatch(value):
        raise invalid(path, f"Invalid integer: {value[:40]}", "parameter_invalid_integer")
    return int(value)


def _decimal(value: str, path: str) -> str:
    if not _DECIMAL.fullmatch(value):
        raise invalid(path, f"Invalid decimal: {value[:40]}")
    return value


def _truth(value: str, path: str) -> bool:
    if value not in ("true", "false"):
        raise invalid(path, f"Invalid boolean: {value[:40]}")
    return value == "true"


def _text(value: str, path: str) -> str:
    if len(value) > 5_000:
        text = f"Invalid string: {value[:20]}…{value[-20:]}; must be at most 5000 characters"
        raise invalid(path, text, "parameter_invalid_string")
    return value


def _join(path: str, key: str) -> str:
    return f"{path}[{key}]" if path else key


@cache
def _class(name: str) -> type:
    module, _, short = f"stripe.params.{name}".rpartition(".")
    return getattr(import_module(module), short)


@cache
def _members(kind: type) -> Mapping[str, Any]:
    """Return a type's members with their types, once resolved."""
    context = import_module("stripe._stripe_context").StripeContext
    return get_type_hints(kind, localns={"StripeContext": context, "Mapping": Mapping})


@cache
def _request_options() -> frozenset[str]:
    """Return what the SDK keeps for itself (api_key, headers, …): it sits in the types, and is not sent."""
    return frozenset(import_module("stripe._request_options").RequestOptions.__annotations__)


_SCALARS: dict[Any, Any] = {int: _whole, bool: _truth, float: _decimal, Decimal: _decimal, str: _text}
