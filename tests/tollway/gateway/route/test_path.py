"""Paths have one form, or none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollway.gateway.route.path import normal_path


@pytest.mark.parametrize(
    ("path", "normal"),
    [
        (b"/", b"/"),
        (b"/a/b", b"/a/b"),
        (b"/a/", b"/a/"),
        (b"//a", b"/a"),
        (b"/a//b///c", b"/a/b/c"),
        (b"/a/./b", b"/a/b"),
        (b"/a/.", b"/a/"),
        (b"/a/b/../c", b"/a/c"),
        (b"/a/b/..", b"/a/"),
        (b"/%61pi/x", b"/api/x"),
        (b"/a/%2e%2E/b", b"/b"),
        (b"/a%20b", b"/a%20b"),
        (b"/a%c3%a4", b"/a%C3%A4"),
        (b"/a;x=1", b"/a;x=1"),
        (b"/a;x=1/b;y", b"/a;x=1/b;y"),
        (b"/.well-known/x", b"/.well-known/x"),
        (b"/...;x", b"/...;x"),
        (b"/a/%252e%252e/b", b"/a/%252e%252e/b"),
        (b"/a/..;/b", None),
        (b"/a/..;x=1/b", None),
        (b"/a/.;/b", None),
        (b"/a/%2e%2e;/b", None),
        (b"/a/..%3b/b", b"/a/..%3B/b"),
        (b"/..", None),
        (b"/a/../../b", None),
        (b"/a%2fb", None),
        (b"/a%5Cb", None),
        (b"/a\\b", None),
        (b"/a%00", None),
        (b"/a%0d%0ab", None),
        (b"/a%7f", None),
        (b"/a%", None),
        (b"/a%4", None),
        (b"/a%zz", None),
        (b"a", None),
    ],
)
def test_a_path_has_one_form_or_none(path: bytes, normal: bytes | None):
    assert normal_path(path) == normal


PIECES = st.sampled_from(
    [b"/", b".", b"..", b"a", b"B", b"%2e", b"%61", b"%20", b"%2f", b"%", b"\\", b"~", b"//"]
)


@given(st.lists(PIECES, max_size=12))
def test_the_form_is_final_and_hides_nothing(pieces: list[bytes]):
    normal = normal_path(b"/" + b"".join(pieces))
    if normal is not None:
        assert normal_path(normal) == normal
        assert not {b".", b".."} & set(normal.split(b"/"))
        assert b"//" not in normal
        assert b"%2f" not in normal.lower()
        assert b"%61" not in normal
