"""The reference has everything that the code has, and the site builds without a warning."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from tollway import cli
from tools import docs_api, docs_cli, docs_contracts, docs_markdown, docs_reference, docs_settings

ROOT = docs_reference.ROOT
COMMANDS = {name for name, _ in docs_cli.commands(typer.main.get_command(cli.app), docs_cli.PROGRAM)}
PAGES = [ROOT / "SECURITY.md", ROOT / "RELEASES.md"]
PAGES += [
    page for folder in ("guide", "operations", "security") for page in (ROOT / "docs" / folder).glob("*.md")
]


def test_every_setting_has_a_row_with_its_variable() -> None:
    model, prefix = docs_settings.root()
    page = docs_settings.page()
    names = list(_names(model.model_validate({}).model_dump(mode="json")))
    assert len(names) > 100
    for name in names:
        assert f"`{name}`<br>`{docs_settings.environment_name(prefix, name)}`" in page


def _names(tree: dict[str, Any], prefix: str = "") -> list[str]:
    found: list[str] = []
    for name, value in tree.items():
        nested = isinstance(value, dict) and value and prefix + name != "gateway.limits"
        found += _names(value, f"{prefix}{name}.") if nested else [prefix + name]
    return found


def test_a_setting_says_type_default_and_meaning() -> None:
    page = docs_settings.page()
    assert "| one of `json`, `text` | `json` |" in page
    assert "| integer, ≥ 1, ≤ 65535 | `587` |" in page
    assert "`TOLLWAY_GATEWAY__LIMITS__<name>__QUOTA` | integer, ≥ 1 | must be given |" in page


def test_every_operation_has_a_section_in_its_area() -> None:
    document = docs_api.document()
    overview, pages = docs_api.overview(document), docs_api.pages(document)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            area = operation["tags"][0]
            anchor = operation["operationId"].replace("_", "-")
            assert f"    {method.upper()} {path}\n" in pages[area]
            assert f"{{ #{anchor} }}" in pages[area]
            assert f"api/{area}.md#{anchor}" in overview


def test_an_operation_shows_its_parameters_bodies_and_problems() -> None:
    schemas = {
        "Line": {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer", "minimum": 1}}},
        "Tree": {
            "type": "object",
            "description": "A tree",
            "required": ["name", "lines"],
            "properties": {
                "name": {"type": "string", "pattern": "^a|b$"},
                "lines": {"type": "array", "items": {"$ref": "#/components/schemas/Line"}},
                "child": {"anyOf": [{"$ref": "#/components/schemas/Tree"}, {"type": "null"}]},
            },
        },
    }
    tree = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Tree"}}}}
    operation = {
        "tags": ["woods"],
        "summary": "Plant a tree",
        "security": [{"bearer": []}],
        "x-tollway": {"permission": "woods:write"},
        "parameters": [
            {"name": "Idempotency-Key", "in": "header", "required": True, "schema": {"type": "string"}}
        ],
        "requestBody": tree,
        "responses": {"201": {"description": "Planted", **tree}, "202": tree, "4XX": {}},
    }
    document = {"paths": {"/trees": {"post": operation}}, "components": {"schemas": schemas}}
    page = docs_api.pages(document)["woods"]
    assert "permission `woods:write`" in page
    assert "| `Idempotency-Key` | header | string | yes |" in page
    assert "| `name` | string | yes | Matches <code>^a&#124;b$</code>. |" in page
    assert "| `lines[].n` | integer | yes | At least 1. |" in page
    assert "| `child` | object or null | no |" in page
    assert "`child.child`" not in page
    assert "**Response 201**: Planted." in page
    assert "The body is as above." in page
    assert "[`request_in_progress`](../errors.md#request_in_progress)" in page


def test_every_command_and_option_is_there() -> None:
    page = docs_cli.page()
    groups = [group.typer_instance for group in cli.app.registered_groups if group.typer_instance]
    assert len(COMMANDS) == sum(len(part.registered_commands) for part in (cli.app, *groups))
    for command in COMMANDS:
        assert f"## `{command}` {{" in page
    assert "| `--edge-workers` | integer, ≥ 1, ≤ 64 | `1` |" in page


def test_every_event_is_there_with_its_key_and_fields() -> None:
    page = docs_contracts.events()
    for topic in ("USER_REGISTERED", "USER_LOGGED_IN", "TRANSACTION_MADE"):
        assert f"### `{topic}`" in page
    assert "Ordered by `transaction_id`." in page
    assert "| `amounts` | object with integers by name |" in page


def test_every_problem_and_refusal_is_there() -> None:
    page = docs_contracts.errors()
    for problem in docs_contracts.declared("tollway.kit.errors", "Problem"):
        assert f"#### `{problem.code}`" in page
    assert "| `PROXY_AUTH_FAILED` | 407 |" in docs_contracts.refusals()


def test_every_setting_that_a_page_names_exists() -> None:
    model, prefix = docs_settings.root()
    known = {part.name for part in docs_settings.parts(model)}
    known |= {one.name for part in docs_settings.parts(model) for one in part.settings}
    variables = {docs_settings.environment_name(prefix, name) for name in known}
    named = 0
    for page in PAGES:
        text = page.read_text()
        for name in re.findall(r"`([a-z_]+(?:\.[a-z_]+)+)(?: = [^`]*)?`", text):
            if name.partition(".")[0] in model.model_fields:
                assert name in known, f"{page.name} names the setting {name}"
                named += 1
        for variable in re.findall(rf"{prefix}[A-Z]+__[A-Z_]+", text):
            assert variable in variables | {f"{prefix}SECTION__NAME"}, f"{page.name} names {variable}"
    assert named > 20


def test_every_command_that_a_page_shows_exists() -> None:
    for page in PAGES:
        for command in re.findall(r"(?:bin/|`)(tollway [a-z][a-z-]*)", page.read_text()):
            known = command in COMMANDS or any(name.startswith(f"{command} ") for name in COMMANDS)
            assert known, f"{page.name} shows {command}"


def test_what_is_missing_is_said() -> None:
    with pytest.raises(LookupError):
        docs_contracts.declared("json", "Problem")
    with pytest.raises(KeyError):
        docs_reference.filled("<!-- generated: nothing -->")


def test_text_cannot_break_a_table() -> None:
    assert docs_markdown.code("a|b`") == "<code>a&#124;b&#96;</code>"
    assert docs_markdown.prose("a <b> | `<c>`\n d") == "a &lt;b&gt; \\| `<c>` d"
    assert json.loads(docs_markdown.value({"a": [1]}).strip("`")) == {"a": [1]}


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "reference" / "api" / "orders.html").exists()
    assert "<!-- generated" not in "".join(
        page.read_text() for page in (tmp_path / "reference").rglob("*.html")
    )
    from_elsewhere = [path for path in tmp_path.rglob("*.html") if 'src="http' in path.read_text()]
    assert from_elsewhere == []
