"""Seals: trees, paths, leaves, tags."""

import hashlib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tollway.services.ledger.model.records import LegRow, StatementEntry, Txn, UsageLine
from tollway.services.ledger.model.seals import (
    Signer,
    leaf_of,
    path_to,
    root_from,
    root_of,
)

SIGNER = Signer(bytes(range(32)))
leaves = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=40)


def entry(number: int, **changes: Any) -> StatementEntry:
    id_ = f"txn_{number:03}"
    txn = Txn(id_, "tests", f"k{number}", b"\x01" * 32, "give", "applied", "", "", "ann", 1, 2, None, "{}")
    leg = LegRow(id_, 0, "post", None, "USD", "acc_1", "acc_2", 5, number, number, -5, 5)
    use = UsageLine(id_, "flw_1", 5, 5, 1, final=True)
    return StatementEntry(txn, (leg,), (), (), (), (use,), ("acc_1",))._replace(**changes)


def hashed(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def test_the_tree_is_that_of_rfc_9162() -> None:
    a, b, c, d, e = (bytes([n]) * 32 for n in range(5))
    left = hashed(b"\x01", hashed(b"\x01", a, b), hashed(b"\x01", c, d))
    assert root_of([a, b, c, d, e]) == hashed(b"\x01", left, e)
    assert root_of([a]) == a


@given(leaves=leaves, data=st.data())
def test_every_leaf_leads_to_the_root_and_no_other_does(leaves: list[bytes], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(leaves) - 1))
    path = path_to(leaves, place)
    assert root_from(leaves[place], path, place, len(leaves)) == root_of(leaves)
    assert (
        root_from(b"\xff" * 32, path, place, len(leaves)) != root_of(leaves) or leaves[place] == b"\xff" * 32
    )


def test_a_leaf_is_the_same_for_ever() -> None:
    """It is sealed; if this changes, every chain that exists would be called forged."""
    assert leaf_of(entry(1)).hex() == "ad3fc6e1ce0e436ef9c54ed0015802e5b87efa843b505173ab65dbf4c2e71ecf"


def test_a_leaf_depends_on_every_cell() -> None:
    one = entry(1)
    others = [
        *(
            one._replace(txn=one.txn._replace(**{name: _other(value)}))
            for name, value in one.txn._asdict().items()
        ),
        *(
            one._replace(legs=(one.legs[0]._replace(**{name: _other(value)}),))
            for name, value in one.legs[0]._asdict().items()
        ),
        one._replace(usage=()),
        one._replace(accounts=()),
        one._replace(legs=one.legs * 2),
    ]
    seen = {leaf_of(other) for other in others}
    assert len(seen) == len(others)
    assert leaf_of(one) not in seen


def _other(value: Any) -> Any:
    match value:
        case int():
            return value + 1
        case bytes():
            return value + b"x"
        case _:
            return f"{value}x"


def test_a_tag_is_of_one_transaction_and_one_key() -> None:
    leaf = leaf_of(entry(1))
    tag = SIGNER.tag(leaf)
    assert SIGNER.wrote(leaf, tag)
    assert not SIGNER.wrote(leaf_of(entry(2)), tag)
    assert not SIGNER.wrote(leaf, None)
    assert not SIGNER.wrote(leaf, b"")
    assert not Signer(bytes(32)).wrote(leaf, tag)
