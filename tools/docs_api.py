"""The reference of the REST API, read from its OpenAPI document."""

import importlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tools.docs_markdown import code, heading, prose, sentence, table

METHODS = ("get", "post", "put", "patch", "delete", "head", "options")
Schema = Mapping[str, Any]


class Operation(NamedTuple):
    """One operation and where it is."""

    method: str
    path: str
    spec: Schema

    @property
    def anchor(self) -> str:
        """What links to it use; stays when the text changes."""
        return str(self.spec.get("operationId") or f"{self.method}{self.path}").replace("_", "-")

    @property
    def policy(self) -> Schema:
        """What the platform itself declares about it."""
        return next((found for name, found in self.spec.items() if name.startswith("x-")), {})


class Row(NamedTuple):
    """One member of a body."""

    name: str
    type: str
    required: bool
    meaning: str


def document() -> Schema:
    """Read the committed document, wherever it lies in the package."""
    package = Path(importlib.import_module("tollway").__file__ or "").parent
    found = sorted(package.rglob("openapi.json"))
    if not found:
        raise FileNotFoundError("the package has no openapi.json; run: python tools/openapi.py")
    return json.loads(found[0].read_text(encoding="utf-8"))


def areas(spec: Schema) -> dict[str, list[Operation]]:
    """Group the operations by area, in the order of their paths."""
    grouped: dict[str, list[Operation]] = {}
    for path, operations in sorted(spec["paths"].items()):
        for method in METHODS:
            if method in operations:
                operation = Operation(method, path, operations[method])
                grouped.setdefault(operation.spec.get("tags", ["other"])[0], []).append(operation)
    return dict(sorted(grouped.items()))


def overview(spec: Schema) -> str:
    """List every operation by area."""
    lines: list[str] = []
    for area, operations in areas(spec).items():
        lines += heading(2, f"[{area}](api/{area}.md)", area)
        lines += table(
            ("Operation", "What it does"),
            (
                (f"[{code(f'{one.method.upper()} {one.path}')}](api/{area}.md#{one.anchor})", _summary(one))
                for one in operations
            ),
        )
    return "\n".join(lines)


def pages(spec: Schema) -> dict[str, str]:
    """Write a page for each area."""
    return {area: _page(spec, area, operations) for area, operations in areas(spec).items()}


def _page(spec: Schema, area: str, operations: list[Operation]) -> str:
    lines = heading(1, f"API: {area}")
    lines += [
        "What holds for every operation is on [the page of the whole API](../api.md); the codes of problems are",
        "listed under [errors](../errors.md).",
        "",
    ]
    for one in operations:
        lines += [*heading(2, _summary(one), one.anchor), f"    {one.method.upper()} {one.path}", ""]
        if text := one.spec.get("description"):
            lines += [prose(sentence(text)), ""]
        lines += _who(one)
        lines += _parameters(one.spec)
        lines += _request(spec, one.spec)
        lines += _responses(spec, one)
    return "\n".join(lines)


def _summary(one: Operation) -> str:
    return prose(one.spec.get("summary", "")) or code(f"{one.method.upper()} {one.path}")


def _who(one: Operation) -> list[str]:
    policy = one.policy
    permission = policy.get("permission", "")
    said = []
    if one.spec.get("security"):
        said.append(f"Needs an access token or a session with permission {code(permission)}." if permission else
                    "Needs an access token or a session.")  # fmt: skip
        said += ["Reaches only what is the caller's own."] if policy.get("owner") == "self" else []
    else:
        said.append("Needs no account.")
    if limit := policy.get("limit"):
        said.append(f"Limit class: {code(limit)}.")
    if audit := policy.get("audit"):
        said.append(f"Recorded in the audit trail as {code(audit)}.")
    return [" ".join(said), ""]


def _parameters(operation: Schema) -> list[str]:
    rows = [
        (
            code(one["name"]),
            one["in"],
            type_of(one.get("schema", {})),
            "yes" if one.get("required") else "no",
            _meaning(one.get("schema", {}), one.get("description", "")),
        )
        for one in operation.get("parameters", [])
    ]
    return table(("Parameter", "In", "Type", "Required", "Meaning"), rows)


def _request(spec: Schema, operation: Schema) -> list[str]:
    lines: list[str] = []
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        lines += [f"**Request body** ({code(media)})", "", *body(spec, content.get("schema", {}), asks=True)]
    return lines


def _responses(spec: Schema, one: Operation) -> list[str]:
    lines: list[str] = []
    shown: list[Any] = []
    for status, response in one.spec.get("responses", {}).items():
        if status.startswith("4XX") or status == "default":
            continue
        said = response.get("description", "")
        lines += [
            f"**Response {status}**{'' if said in ('', 'Successful Response') else f': {prose(sentence(said))}'}"
        ]
        lines.append("")
        for content in response.get("content", {}).values():
            lines += (
                ["The body is as above.", ""]
                if content in shown
                else body(spec, content.get("schema", {}), asks=False)
            )
            shown.append(content)
    return [*lines, f"**Problems**: {', '.join(problems(one))}.", ""]


def problems(one: Operation) -> Iterator[str]:
    """Name what every operation of this shape may answer with."""
    parameters = one.spec.get("parameters", [])
    names = {parameter["name"].lower() for parameter in parameters}
    places = {parameter["in"] for parameter in parameters}
    found = ["too_many_requests", "unavailable"]
    if one.spec.get("security"):
        found += ["unauthenticated", "forbidden"]
    if "path" in places:
        found.append("not_found")
    if "requestBody" in one.spec:
        found += ["malformed", "too_large", "unsupported_media_type"]
    if "requestBody" in one.spec or "query" in places:
        found.append("invalid")
    if "idempotency-key" in names:
        found += ["idempotency_key_missing", "idempotency_key_reused", "request_in_progress"]
    return (f"[{code(name)}](../errors.md#{name})" for name in sorted(found))


def body(spec: Schema, schema: Schema, *, asks: bool) -> list[str]:
    """Write the members of a body, those of inner objects below their own."""
    given, schema = schema, resolve(spec, schema)
    if not schema:
        return ["Any JSON.", ""]
    lines = [prose(sentence(schema["description"])), ""] if schema.get("description") else []
    rows = list(members(spec, given, asks=asks))
    if not rows:
        return [*lines, f"{type_of(schema).capitalize()}.", ""]
    shown = (
        (code(row.name), row.type, *(["yes" if row.required else "no"] if asks else []), row.meaning)
        for row in rows
    )
    return [*lines, *table(("Member", "Type", *(["Required"] if asks else []), "Meaning"), shown)]


def resolve(spec: Schema, schema: Schema) -> Schema:
    """Follow a reference."""
    while "$ref" in schema:
        found: Any = spec
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        schema = found
    return schema


def members(
    spec: Schema, schema: Schema, prefix: str = "", above: tuple[str, ...] = (), *, asks: bool
) -> Iterator[Row]:
    """List the members of an object, or of the objects in a list."""
    schema, prefix, above = _down(spec, schema, prefix, above)
    required = schema.get("required", ())
    for name, member in schema.get("properties", {}).items():
        full = f"{prefix}{name}"
        meant = member if "$ref" not in member else {**resolve(spec, member), **member}
        yield Row(
            full, type_of(member, spec), name in required, _meaning(meant, member.get("description", ""))
        )
        inner, deeper, seen = _down(spec, member, f"{full}.", above)
        if inner.get("properties") and len(seen) == len(set(seen)):
            yield from members(spec, inner, deeper, seen, asks=asks)


def _down(
    spec: Schema, schema: Schema, prefix: str, above: tuple[str, ...]
) -> tuple[Schema, str, tuple[str, ...]]:
    """Go through references, lists and `or null` to the object that has members."""
    while True:
        if "$ref" in schema:
            above = (*above, schema["$ref"])
            schema = resolve(spec, schema)
        elif schema.get("type") == "array":
            schema, prefix = schema.get("items", {}), f"{prefix.removesuffix('.')}[]."
        elif options := [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]:
            schema = options[0]
            if len(options) > 1:
                return {}, prefix, above
        else:
            return schema, prefix, above


def type_of(schema: Schema, spec: Schema | None = None) -> str:
    """Say what a value is."""
    if "$ref" in schema:
        return type_of(resolve(spec, schema), spec) if spec else "object"
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(type_of(one, spec) for one in schema[several]))
    if "const" in schema:
        return code(schema["const"])
    if "enum" in schema:
        return f"one of {', '.join(code(one) for one in schema['enum'])}"
    if schema.get("type") == "array":
        return f"list of {_plural(type_of(schema.get('items', {}), spec))}"
    inner = schema.get("additionalProperties")
    if isinstance(inner, dict) and not schema.get("properties"):
        return f"object with {_plural(type_of(inner, spec))} by name"
    plain = schema.get("type", "any JSON")
    return f"{plain} ({schema['format']})" if "format" in schema else str(plain)


def _plural(name: str) -> str:
    return f"{name}s" if name in ("object", "string", "integer", "number", "boolean") else name


def _meaning(schema: Schema, text: str, *, asks: bool = True) -> str:
    said = [sentence(prose(text or schema.get("description", "")))]
    options = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    shape = {**(options[0] if len(options) == 1 else {}), **schema}
    if shape.get("default") not in (None, ""):
        said.append(f"Default: {code(json.dumps(shape['default']))}.")
    bounds = (
        ("minimum", "at least"),
        ("maximum", "at most"),
        ("minLength", "length at least"),
        ("maxLength", "length at most"),
    )
    said += [f"{word.capitalize()} {shape[name]}." for name, word in bounds if name in shape]
    if asks and "pattern" in shape:
        said.append(f"Matches {code(shape['pattern'])}.")
    if shape.get("examples"):
        said.append(f"Example: {code(shape['examples'][0])}.")
    return " ".join(filter(None, said))
