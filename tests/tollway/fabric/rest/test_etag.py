"""A single resource is tagged by its contents and not sent again to who has it (RFC 9110, section 13)."""

import pytest
from fastapi import Request
from pydantic import BaseModel

from tollway.fabric.rest.etag import tagged


class Thing(BaseModel):
    size: int


def request(condition: str | None = None) -> Request:
    headers = [] if condition is None else [(b"if-none-match", condition.encode())]
    return Request({"type": "http", "method": "GET", "path": "/", "headers": headers})


TAG = tagged(request(), Thing(size=1)).headers["etag"]


def test_the_tag_is_quoted_and_follows_the_contents() -> None:
    assert TAG.startswith('"')
    assert TAG.endswith('"')
    assert tagged(request(), Thing(size=1)).headers["etag"] == TAG
    assert tagged(request(), Thing(size=2)).headers["etag"] != TAG


def test_who_has_nothing_gets_the_body() -> None:
    response = tagged(request(), Thing(size=1))
    assert (response.status_code, response.body) == (200, b'{"size":1}')


@pytest.mark.parametrize("condition", [TAG, f"W/{TAG}", f'"other", {TAG}', f'"other",W/{TAG}', "*"])
def test_who_has_it_gets_no_body(condition: str) -> None:
    response = tagged(request(condition), Thing(size=1))
    assert (response.status_code, response.body, response.headers["etag"]) == (304, b"", TAG)


@pytest.mark.parametrize("condition", ["", '"other"', TAG.strip('"'), f'"x{TAG[1:]}'])
def test_another_tag_gets_the_body(condition: str) -> None:
    assert tagged(request(condition), Thing(size=1)).status_code == 200
