"""The committed table of routes says exactly what the routers declare."""

import json
import re
from typing import Any

from tollway.fabric.rest import docs
from tollway.fabric.rest.policy import PUBLIC, TABLE, policies
from tollway.topology.routers import routers

ENTRIES: list[dict[str, Any]] = json.loads(TABLE.read_text())["routes"]
BY_REQUEST = {(method, entry["path"]): entry for entry in ENTRIES for method in entry["methods"]}
SERVED = {**{name: [router] for name, router in routers().items()}}
SERVED["identity"].append(docs.router())


def test_every_route_has_one_entry_and_every_entry_a_route() -> None:
    served = {request for routers in SERVED.values() for request in policies(routers)}
    heads = {("HEAD", path) for method, path in served if method == "GET"}
    websockets = {("HEAD", entry["path"]) for entry in ENTRIES if entry["kind"] == "websocket"}
    assert set(BY_REQUEST) == served | (heads - websockets)
    assert len(BY_REQUEST) == sum(len(entry["methods"]) for entry in ENTRIES)


def test_an_entry_says_what_its_route_declares() -> None:
    for service, served in SERVED.items():
        for request, declared in policies(served).items():
            entry = BY_REQUEST[request]
            assert entry["service"] == service
            assert entry["auth"] == ("public" if declared.permission == PUBLIC else "user")
            for name in ("kind", "limit", "body_limit_bytes", "time_limit_s", "content"):
                assert entry[name] == getattr(declared, name), (request, name)


def test_names_are_unique_and_the_table_is_sorted() -> None:
    assert len({entry["name"] for entry in ENTRIES}) == len(ENTRIES)
    assert [entry["path"] for entry in ENTRIES] == sorted(entry["path"] for entry in ENTRIES)


def test_a_path_is_made_of_segments_that_the_gateway_can_match() -> None:
    for entry in ENTRIES:
        for segment in entry["path"].split("/")[1:]:
            assert re.fullmatch(r"[a-z0-9._-]+|\{[a-z_]+(:path)?\}", segment), entry["path"]


def test_what_could_be_used_to_guess_a_password_is_limited_strictly() -> None:
    strict = {entry["path"] for entry in ENTRIES if entry["limit"] == "login"}
    assert {"/api/auth/login", "/api/auth/token", "/api/auth/password/reset"} <= strict
    assert {entry["path"] for entry in ENTRIES if entry["limit"] == "webhooks"} == {
        "/api/billing/webhooks/{provider}"
    }
