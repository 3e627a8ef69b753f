"""Seals: trees, paths, chains, signatures."""

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tollway.services.ledger.model.records import LegRow, StatementEntry, Txn, UsageLine
from tollway.services.ledger.model.seals import (
    GENESIS,
    Chain,
    Signer,
    hash_of,
    is_signed,
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


def a_chain(size: int = 3) -> tuple[list[Any], list[StatementEntry]]:
    entries = [entry(number) for number in range(2 * size)]
    seals, previous = [], None
    for start in range(0, len(entries), 2):
        previous = SIGNER.seal(previous, entries[start : start + 2], 1000 + start)
        seals.append(previous)
    return seals, entries


def followed(seals: list[Any], entries: list[StatementEntry]) -> list[str]:
    chain = Chain({SIGNER.public})
    chain.add_seals(seals)
    for one in entries:
        chain.take(one)
    chain.end()
    return chain.findings


def test_a_true_chain_is_followed_to_its_head() -> None:
    seals, entries = a_chain()
    assert followed(seals, entries) == []
    assert seals[0].previous == GENESIS
    assert [seal.number for seal in seals] == [1, 2, 3]
    assert all(is_signed(seal) and seal.hash == hash_of(seal) for seal in seals)


def test_transactions_after_the_last_seal_wait_for_the_next() -> None:
    seals, entries = a_chain()
    chain = Chain({SIGNER.public})
    chain.add_seals(seals[:2])
    for one in entries:
        chain.take(one)
    chain.end()
    assert (chain.findings, chain.unsealed) == ([], 2)


@pytest.mark.parametrize(
    ("forge", "sentence"),
    [
        (lambda seals, entries: seals.pop(1), "chain is broken"),
        (lambda seals, entries: seals.reverse(), "chain is broken"),
        (lambda seals, entries: entries.pop(), "are gone"),
        (lambda seals, entries: entries.reverse(), "not the ones"),
        (lambda seals, entries: entries.__setitem__(0, entry(9)), "not the ones"),
        (lambda seals, entries: seals.__setitem__(0, seals[0]._replace(root=GENESIS)), "altered"),
        (lambda seals, entries: seals.__setitem__(0, seals[0]._replace(sealed_at_us=7)), "altered"),
        (lambda seals, entries: seals.__setitem__(0, seals[0]._replace(signature=bytes(64))), "not signed"),
        (lambda seals, entries: seals.__setitem__(0, seals[0]._replace(signer=b"short")), "not signed"),
        (
            lambda seals, entries: seals.__setitem__(0, Signer(bytes(32)).seal(None, entries[:2], 1000)),
            "not signed by this platform",
        ),
    ],
)
def test_a_forged_chain_is_found_out(forge: Any, sentence: str) -> None:
    seals, entries = a_chain()
    forge(seals, entries)
    assert any(sentence in finding for finding in followed(seals, entries))


@pytest.mark.parametrize(("apart_s", "found"), [(30, False), (3600, True)])
def test_seals_that_were_cut_off_are_missed_as_soon_as_they_are_overdue(apart_s: int, found: bool) -> None:
    chain = Chain([SIGNER.public])
    for number, at_us in ((1, 10), (2, 10 + apart_s * 1_000_000)):
        one = entry(number)
        chain.take(one._replace(txn=one.txn._replace(created_at_us=at_us)))
    chain.end()
    assert any("under no seal" in finding for finding in chain.findings) == found
