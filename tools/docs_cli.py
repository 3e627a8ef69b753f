"""The reference of the command line, read from the commands themselves."""

import importlib
import re
from collections.abc import Iterator
from typing import Any

import typer

from tools.docs_markdown import code, heading, paragraphs, prose, sentence, table, value
from tools.docs_settings import type_name

PROGRAM = "tollway"


def page() -> str:
    """Write the page."""
    app = importlib.import_module("tollway.cli").app
    lines: list[str] = []
    for name, command in commands(typer.main.get_command(app), PROGRAM):
        lines += heading(2, code(name), name.replace(" ", "-"))
        lines += paragraphs(command.help)
        lines += _examples(command.epilog or "")
        lines += table(("Option", "Type", "Default", "Meaning"), (_option(one) for one in _options(command)))
    return "\n".join(lines)


def commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Give every command that does something, with its full name."""
    inside = getattr(command, "commands", None)
    if inside is None:
        yield name, command
        return
    for word, one in inside.items():
        if not one.hidden:
            yield from commands(one, f"{name} {word}")


def _options(command: Any) -> Iterator[Any]:
    return (one for one in command.params if not getattr(one, "hidden", False))


def _option(one: Any) -> tuple[str, str, str, str]:
    names = [*one.opts, *one.secondary_opts] if one.param_type_name == "option" else [one.name.upper()]
    variables = one.envvar if isinstance(one.envvar, list | tuple) else [one.envvar] if one.envvar else []
    meaning = sentence(getattr(one, "help", None) or "")
    from_environment = f"Also from {', '.join(code(name) for name in variables)}." if variables else ""
    return (
        ", ".join(map(code, names)),
        _type(one),
        _default(one),
        f"{prose(meaning)} {from_environment}".strip(),
    )


def _type(one: Any) -> str:
    if getattr(one, "is_flag", False):
        return "switch"
    annotation = getattr(getattr(one, "type_descriptor", None), "annotation", None)
    # Typer keeps the annotation; a plain click option has a type with a name.
    name = type_name(annotation).removeprefix("list of ") if annotation else one.type.name
    source = one if annotation else one.type
    bounds = ((sign, getattr(source, which, None)) for sign, which in (("≥", "min"), ("≤", "max")))
    return name + "".join(f", {sign} {limit}" for sign, limit in bounds if limit is not None)


def _default(one: Any) -> str:
    if one.required:
        return "must be given"
    if one.default is None or getattr(one, "is_flag", False) or callable(one.default):
        return ""
    return value(one.default if isinstance(one.default, str | int | float) else str(one.default))


def _examples(text: str) -> list[str]:
    found = re.sub(r"^Examples?:\s*", "", text.strip())
    return ["Example:", "", *(f"    {line.strip()}" for line in found.splitlines()), ""] if found else []
