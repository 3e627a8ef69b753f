"""The references of events, errors and personal data, read from the classes that declare them."""

import importlib
import pkgutil
import typing
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from tools.docs_markdown import code, heading, paragraphs, prose, sentence, table

PLAIN = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "NoneType": "null"}


def declared(name: str, base: str) -> list[type[Any]]:
    """Import a module, or a package with all in it, and give every class below `base` in the order of declaration."""
    module = importlib.import_module(name)
    bases = [getattr(one, base) for one in (module, *_inside(module)) if hasattr(one, base)]
    if not bases:
        raise LookupError(f"{name} declares no {base}")
    return list(dict.fromkeys(_below(bases[0])))


def events() -> str:
    """Write the page of the events, by the service that publishes them."""
    by_service: dict[str, list[type[Any]]] = {}
    for event in declared("tollway.contracts.events", "Event"):
        if topic_of(event):
            by_service.setdefault(str(getattr(event, "source", "")), []).append(event)
    lines: list[str] = []
    for service, found in by_service.items():
        lines += heading(2, service, service)
        for event in found:
            lines += heading(3, code(topic_of(event)), topic_of(event).lower())
            lines += paragraphs(_own_docstring(event))
            lines += [f"Ordered by {code(_subject(event))}.", ""]
            lines += _fields(event)
    return "\n".join(lines)


def errors() -> str:
    """Write the page of the errors, by HTTP status."""
    importlib.import_module("tollway.contracts.errors")
    by_status: dict[int, dict[str, type[Any]]] = {}
    for problem in [
        *declared("tollway.kit.errors", "Problem"),
        *declared("tollway.contracts.errors", "Problem"),
    ]:
        if "code" in problem.__dict__:
            by_status.setdefault(problem.status, {})[problem.code] = problem
    lines: list[str] = []
    for status, found in sorted(by_status.items()):
        lines += heading(3, str(status), f"status-{status}")
        for name, problem in sorted(found.items()):
            lines += [*heading(4, code(name), name), prose(sentence(problem.title)), ""]
            lines += paragraphs(_own_docstring(problem))
    return "\n".join(lines)


def _fields(event: type[Any]) -> list[str]:
    fields = event.model_fields.items()
    meant = any(field.description for _, field in fields)
    rows = (
        (code(name), _name(field.annotation), *([prose(sentence(field.description or ""))] if meant else []))
        for name, field in fields
    )
    return table(("Field", "Type", *(["Meaning"] if meant else [])), rows)


def personal_data() -> str:
    """Write the tables of what is kept of people, by service."""
    lines: list[str] = []
    for name, service in importlib.import_module("tollway.topology").SERVICES.items():
        if service.development:
            continue
        tables = importlib.import_module(f"tollway.services.{name}.user_data").USER_TABLES
        rows = (
            (
                code(one.table.name),
                prose(sentence(one.purpose)),
                prose(sentence(_after_leaving(one))),
            )
            for one in tables
        )
        lines += [*heading(3, name, name), *table(("Table", "What for", "When the person has left"), rows)]
    return "\n".join(lines)


def _after_leaving(one: Any) -> str:
    if not one.keeps:
        return "deleted"
    blanked = f"; blanked: {', '.join(one.blanks)}" if one.blanks else ""
    return f"stays {one.keeps}{blanked}"


def refusals() -> str:
    """Write the table of what the proxies answer, by HTTP status."""
    found = importlib.import_module("tollway.edge.refusal").REFUSALS
    statuses = importlib.import_module("tollway.edge.protocols.http.refusals").REFUSALS
    replies = importlib.import_module("tollway.edge.protocols.socks5").REFUSALS
    rows = (
        (code(name), str(statuses[name].status), _reply(replies[name]), prose(sentence(found[name].detail)))
        for name in sorted(found, key=lambda name: (statuses[name].status, name))
    )
    return "\n".join(table(("Code", "HTTP", "SOCKS5 reply", "Meaning"), rows))


def _reply(reply: Any) -> str:
    name = getattr(reply, "name", "").replace("_", " ").lower()
    return f"{int(reply)} {name}".strip()


def topic_of(event: type[Any]) -> str:
    """Return the topic of an event; a class between others has none of its own."""
    return str(event.__dict__.get("topic", ""))


def _inside(module: ModuleType) -> Iterator[ModuleType]:
    for found in pkgutil.iter_modules(getattr(module, "__path__", ())):
        yield importlib.import_module(f"{module.__name__}.{found.name}")


def _below(base: type[Any]) -> Iterator[type[Any]]:
    for child in base.__subclasses__():
        yield child
        yield from _below(child)


def _own_docstring(of: type[Any]) -> str:
    return str(of.__dict__.get("__doc__") or "")


def _subject(event: type[Any]) -> str:
    return str(getattr(event, "subject_field", None) or next(iter(event.model_fields)))


def _name(annotation: Any) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return f"one of {', '.join(code(one) for one in arguments)}"
    if origin in (list, tuple):
        return f"list of {_name(arguments[0])}s"
    if origin is dict:
        return f"object with {_name(arguments[1])}s by name"
    if arguments:
        return " or ".join(_name(one) for one in arguments)
    name = getattr(annotation, "__name__", str(annotation))
    return PLAIN.get(name, name)
