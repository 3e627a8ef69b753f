"""The description of the API: names for programs, titles for people."""

import json

from tollway.fabric.rest.docs import DOCUMENT, operation_id

OPERATIONS = [
    (method, path, operation)
    for path, operations in json.loads(DOCUMENT.read_text())["paths"].items()
    for method, operation in operations.items()
]


def test_an_operation_is_named_after_its_method_and_path() -> None:
    assert operation_id("get", "/api/accounts/{account_id}/statement") == "get_accounts_account_id_statement"
    assert operation_id("get", "/.well-known/jwks.json") == "get_well_known_jwks_json"


def test_no_two_operations_share_a_name() -> None:
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(names) == len(set(names))


def test_every_operation_has_a_title_that_is_a_sentence() -> None:
    for method, path, operation in OPERATIONS:
        title = operation["summary"]
        assert " " in title, f"{method} {path} is titled {title!r}"
        assert "\n" not in title
        assert not title.endswith(".")
