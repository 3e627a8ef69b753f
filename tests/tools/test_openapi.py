"""Names in the description of the API, from which clients are generated."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tollway.fabric.rest.docs import DOCUMENT

API = json.loads(DOCUMENT.read_text())
SCHEMAS = API["components"]["schemas"]
RETIRED = {"made_at": "created_at", "changed_at": "updated_at"}


def operations() -> Iterator[dict[str, Any]]:
    for path in API["paths"].values():
        yield from (operation for method, operation in path.items() if method != "parameters")


def test_a_schema_has_a_plain_name_without_its_module() -> None:
    assert [name for name in SCHEMAS if not name.isidentifier() or "__" in name or "-" in name] == []


def test_operations_have_names_of_their_own() -> None:
    names = [operation["operationId"] for operation in operations()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("retired", RETIRED)
def test_times_are_named_alike_everywhere(retired: str) -> None:
    users = [name for name, schema in SCHEMAS.items() if retired in schema.get("properties", {})]
    assert users == [], f"say {RETIRED[retired]}"


def test_every_operation_says_what_it_does_and_how_it_refuses() -> None:
    for operation in operations():
        assert operation.get("summary"), operation["operationId"]
        assert any(status.startswith("4") for status in operation["responses"]), operation["operationId"]
