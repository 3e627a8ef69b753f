"""The reference of the settings, read from the settings' own types."""

import importlib
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, to_jsonable_python

from tools.docs_markdown import code, heading, paragraphs, prose, sentence, table, value

PLAIN = {
    str: "text",
    int: "integer",
    float: "number",
    bool: "true or false",
    Path: "path",
    type(None): "unset",
}
LISTS = (list, tuple, set, frozenset, Sequence)
BOUNDS = (
    ("ge", "≥"),
    ("gt", ">"),
    ("le", "≤"),
    ("lt", "<"),
    ("min_length", "length ≥"),
    ("max_length", "length ≤"),
)


class Setting(NamedTuple):
    """One row of the reference."""

    name: str
    type: str
    default: str
    meaning: str


class Part(NamedTuple):
    """A section: its dotted name, what it is for, and what is in it."""

    name: str
    about: str
    settings: list[Setting]


def root() -> tuple[type[BaseModel], str]:
    """Find the type of the whole tree, and how its names begin in the environment."""
    module = importlib.import_module("tollway.settings")
    model = module.TREE
    return model, getattr(module, "ENV_PREFIX", "TOLLWAY_")


def parts(model: type[BaseModel], defaults: Any = None, name: str = "", about: str = "") -> Iterator[Part]:
    """Give a section and, after it, the sections inside."""
    settings: list[Setting] = []
    inside: list[Part] = []
    for field_name, field in model.model_fields.items():
        dotted = f"{name}.{field_name}" if name else field_name
        default = _default(defaults, field_name, field)
        nested, key = _nested(field.annotation)
        if nested and not key:
            inside += parts(nested, default, dotted, field.description or "")
            continue
        kind = f"tables by name, see [below](#{anchor(dotted)}.name)" if nested else _type(field)
        settings.append(Setting(dotted, kind, _shown(default), field.description or ""))
        if nested:
            inside += parts(nested, None, f"{dotted}.<name>", f"One of {code(dotted)}, by its name.")
    yield Part(name, "\n\n".join(filter(None, (about, model.__doc__))), settings)
    yield from inside


def environment_name(prefix: str, dotted: str) -> str:
    """Spell a setting for the environment."""
    spelled = "__".join(part if part.startswith("<") else part.upper() for part in dotted.split("."))
    return prefix + spelled


def page() -> str:
    """Write the page: a table for each section."""
    model, prefix = root()
    lines: list[str] = []
    for part in parts(model):
        if part.settings:
            lines += heading(
                2, code(part.name) if part.name else "The whole platform", anchor(part.name) or "top"
            )
            lines += paragraphs(sentence(part.about) if part.name else "")
            lines += table(
                ("Setting", "Type", "Default", "Meaning"), (_row(one, prefix) for one in part.settings)
            )
    return "\n".join(lines)


def anchor(dotted: str) -> str:
    """What links to a setting use."""
    return dotted.replace("<", "").replace(">", "")


def _row(one: Setting, prefix: str) -> tuple[str, ...]:
    names = f"{code(one.name)}<br>{code(environment_name(prefix, one.name))}"
    return f'<a id="{anchor(one.name)}"></a>{names}', one.type, one.default, prose(sentence(one.meaning))


def _default(defaults: Any, name: str, field: FieldInfo) -> Any:
    if isinstance(defaults, BaseModel):
        return getattr(defaults, name)
    return field.get_default(call_default_factory=True, validated_data={})


def _shown(default: Any) -> str:
    if default is PydanticUndefined:
        return "must be given"
    plain = to_jsonable_python(default)
    if isinstance(plain, list | dict):
        return value(plain) if plain else "none"
    return value(plain)


def _nested(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """Return the section that a field is made of, and whether there are several of it by name."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    if typing.get_origin(annotation) in (dict, Mapping):
        found, _ = _nested(typing.get_args(annotation)[1])
        return found, True
    return None, False


def _type(field: FieldInfo) -> str:
    return type_name(field.annotation) + _bounds(field.metadata)


def _bounds(metadata: Sequence[Any]) -> str:
    said: list[str] = []
    for constraint in metadata:
        said += [
            f"{sign} {limit}"
            for name, sign in BOUNDS
            if (limit := getattr(constraint, name, None)) is not None
        ]
        if pattern := getattr(constraint, "pattern", None):
            said.append(f"matches {code(pattern)}")
    return f", {', '.join(said)}" if said else ""


def type_name(annotation: Any) -> str:
    if hasattr(annotation, "__value__"):
        return type_name(annotation.__value__)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation in PLAIN:
        return PLAIN[annotation]
    if origin is typing.Annotated:
        return type_name(arguments[0]) + _bounds(arguments[1:])
    if origin is typing.Literal:
        return f"one of {', '.join(code(choice) for choice in arguments)}"
    if origin in (typing.Union, types.UnionType):
        return " or ".join(type_name(one) for one in arguments)
    if origin in LISTS:
        return _list(
            origin, [one for one in arguments if one is not Ellipsis], fixed=Ellipsis not in arguments
        )
    if origin in (dict, Mapping):
        return f"table of {type_name(arguments[1])} by name"
    return _class(annotation)


def _list(origin: Any, arguments: Sequence[Any], *, fixed: bool) -> str:
    inner = [type_name(one) for one in arguments]
    if origin is tuple and fixed:
        return f"({'; '.join(inner)})"
    return f"list of {inner[0] if inner else 'values'}"


def _class(annotation: Any) -> str:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"tables with {', '.join(code(name) for name in annotation.model_fields)}"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return f"one of {', '.join(code(one.value) for one in annotation)}"
    return code(getattr(annotation, "__name__", str(annotation)))
