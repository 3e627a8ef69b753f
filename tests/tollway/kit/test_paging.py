"""A cursor comes back from outside: only what this list may have given out is read."""

import base64
import json
from typing import Any

import pytest

from tollway.kit.errors import Invalid
from tollway.kit.money import MAX_UNITS
from tollway.kit.paging import decode_cursor, encode_cursor, make_page


def cursor(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def test_a_list_reads_what_it_gave_out() -> None:
    assert decode_cursor(encode_cursor([7]), int) == (7,)
    assert decode_cursor(encode_cursor([MAX_UNITS, "ord_1"]), int, str) == (MAX_UNITS, "ord_1")
    assert decode_cursor("", int) is None


def test_only_a_page_with_more_behind_it_has_a_cursor() -> None:
    assert make_page([1, 2], 2, lambda row: [row]).next_cursor == ""
    page = make_page([1, 2, 3], 2, lambda row: [row])
    assert (list(page.items), decode_cursor(page.next_cursor, int)) == ([1, 2], (2,))


@pytest.mark.parametrize(
    "key", [-1, 1.5, 2**63, 10**30, True, None, "7", [], {}, float("nan")], ids=lambda key: repr(key)[:20]
)
def test_a_number_is_a_number_of_64_bits(key: Any) -> None:
    with pytest.raises(Invalid, match="cursor"):
        decode_cursor(cursor(json.dumps([key]).encode()), int)


@pytest.mark.parametrize("key", [7, True, None, "a\0b", "\ud800", "\n", [], {}], ids=repr)
def test_text_is_printable_text(key: Any) -> None:
    with pytest.raises(Invalid, match="cursor"):
        decode_cursor(cursor(json.dumps([key]).encode()), str)


@pytest.mark.parametrize(
    "text",
    [
        "====",
        "é",
        "A",
        "zzz",
        "A" * 9_000,
        cursor(b"[1,"),
        cursor(b"7"),
        cursor(b"{}"),
        cursor(b"[]"),
        cursor(b"[1,2]"),
        cursor(b"\xff\xfe"),
        cursor(b"[" * 5_000),
        cursor(b"[" + b"9" * 5_000 + b"]"),
    ],
    ids=lambda text: text[:12],
)
def test_rubbish_is_refused_by_name(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        decode_cursor(text, int)
    assert refused.value.extra["errors"][0]["field"] == "cursor"
