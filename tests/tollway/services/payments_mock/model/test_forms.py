"""Forms are read back as the SDK wrote them."""

from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stripe._encode import _api_encode

from tollway.services.payments_mock.model.forms import as_list, decode
from tollway.services.payments_mock.model.refusals import Refused

names = st.text("abcdefgh_", min_size=1, max_size=6)
values = st.recursive(
    st.text(max_size=8),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3) | st.dictionaries(names, inner, min_size=1, max_size=3)
    ),
    max_leaves=8,
)


def listed(value: Any) -> Any:
    """Turn what `decode` keeps as numbered groups back into lists."""
    if not isinstance(value, dict):
        return value
    items = as_list(value)
    if items is not None and value:
        return [listed(item) for item in items]
    return {key: listed(inner) for key, inner in value.items()}


def depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max((depth(one) for one in inner), default=0)


@given(st.dictionaries(names, values, max_size=4).filter(lambda form: depth(form) <= 7))
def test_what_the_sdk_encodes_is_decoded(form: dict[str, Any]) -> None:
    assert listed(decode(urlencode(list(_api_encode(form))))) == form


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        form = decode(text)
    except Refused:
        return
    assert isinstance(form, dict)


def test_unnumbered_lists_keep_their_order() -> None:
    assert listed(decode("a[]=x&a[]=y&a[]=z")) == {"a": ["x", "y", "z"]}


@pytest.mark.parametrize("text", ["a=1&a[b]=2", "a[b]=1&a=2", "[a]=1", "a[b=1", "a]b=1"])
def test_contradictions_are_refused(text: str) -> None:
    with pytest.raises(Refused):
        decode(text)
