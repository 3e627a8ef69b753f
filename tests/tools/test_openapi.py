"""The API document is the API: everything in it is named, described and true, so that clients can be made from it."""

from typing import Any

import jsonschema_rs
import pytest

from tests.kit.api_document import API, SCHEMAS, operations, refusals, resolved
from tollway.fabric.rest.policy import PROBLEMS
from tollway.kit.errors import MEDIA_TYPE, Problem

RETIRED = {"made_at": "created_at", "changed_at": "updated_at"}
# Words that name one of a few states or kinds; what is named otherwise on purpose stands beside.
STATES = {"state", "status", "direction", "channel", "outcome", "side", "token_type", "client"}
NUMBERS = {("Problem", "status")}


def test_a_schema_has_a_plain_name_of_its_own() -> None:
    assert [name for name in SCHEMAS if not name.isidentifier() or "__" in name] == []
    assert all(schema["title"] == name for name, schema in SCHEMAS.items())


def test_operations_have_names_of_their_own() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("retired", RETIRED)
def test_times_are_named_alike_everywhere(retired: str) -> None:
    users = [name for name, schema in SCHEMAS.items() if retired in schema.get("properties", {})]
    assert users == [], f"say {RETIRED[retired]}"


def test_every_property_parameter_tag_and_operation_is_described() -> None:
    fields = [
        (name, field, found)
        for name, one in SCHEMAS.items()
        for field, found in one.get("properties", {}).items()
    ]
    assert len(fields) > 500
    assert [(name, field) for name, field, found in fields if not found.get("description")] == []
    for method, path, operation in operations():
        assert operation["summary"], f"{method} {path}"
        assert operation["description"], f"{method} {path}"
        assert all(one.get("description") for one in operation.get("parameters", ())), f"{method} {path}"
        assert {tag["name"] for tag in API["tags"] if tag["description"]} >= set(operation["tags"])


def test_what_names_a_state_lists_its_values() -> None:
    free = [
        (name, field)
        for name, schema in SCHEMAS.items()
        for field, found in schema.get("properties", {}).items()
        if field in STATES and (name, field) not in NUMBERS and not _listed(found)
    ]
    assert free == []


def _listed(schema: dict[str, Any]) -> bool:
    found = resolved(schema)
    return "enum" in found or "const" in found or any(_listed(one) for one in found.get("anyOf", ()))


def _defaults() -> list[tuple[str, dict[str, Any]]]:
    fields = [
        (f"{name}.{field}", found)
        for name, schema in SCHEMAS.items()
        for field, found in schema.get("properties", {}).items()
    ]
    parameters = [
        (f"{method} {path} {one['name']}", one["schema"])
        for method, path, operation in operations()
        for one in operation.get("parameters", ())
    ]
    return [(where, schema) for where, schema in [*fields, *parameters] if "default" in schema]


@pytest.mark.parametrize(
    ("where", "schema"), _defaults(), ids=lambda one: one if isinstance(one, str) else ""
)
def test_a_documented_default_is_accepted(where: str, schema: dict[str, Any]) -> None:
    whole = {**schema, "components": API["components"]}
    jsonschema_rs.validator_for(whole).validate(schema["default"])


@pytest.mark.parametrize(("method", "path", "operation"), [*operations()])
def test_an_operation_lists_its_refusals_by_status(method: str, path: str, operation: dict[str, Any]) -> None:
    answers = {status: resolved(one) for status, one in operation["responses"].items()}
    assert {"429", "500", "502", "503", "504"} <= answers.keys()
    assert any(status[0] == "2" for status in answers)
    for status, answer in answers.items():
        assert answer["description"]
        assert "X-Correlation-Id" in answer["headers"], status
        if status[0] in "45":
            assert answer[PROBLEMS], status
            assert {Problem.by_code[code].status for code in answer[PROBLEMS]} == {int(status)}
            assert MEDIA_TYPE in answer["content"]
    if operation.get("security"):
        assert {"unauthenticated", "forbidden"} <= refusals(operation)
    if "{" in path:
        assert "not_found" in refusals(operation)
    if "requestBody" in operation and method != "GET":
        assert {"malformed", "invalid", "too_large"} <= refusals(operation)


def test_money_and_retries_have_their_headers() -> None:
    for method, path, operation in operations():
        (done, *_) = [resolved(one) for status, one in operation["responses"].items() if status[0] == "2"]
        keyed = any(one["name"] == "idempotency-key" for one in operation.get("parameters", ()))
        assert keyed == ("Idempotency-Replayed" in done["headers"]), f"{method} {path}"
        assert ("304" in operation["responses"]) == ("ETag" in done["headers"]), f"{method} {path}"
        assert "Retry-After" in resolved(operation["responses"]["429"])["headers"]


def test_every_reference_leads_somewhere() -> None:
    def references(part: Any) -> set[str]:
        if isinstance(part, dict):
            own = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
            return own.union(*(references(inner) for inner in part.values()))
        return set().union(*map(references, part)) if isinstance(part, list) else set()

    for one in references(API):
        assert resolved({"$ref": one}), one
