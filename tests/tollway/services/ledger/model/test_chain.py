"""Chains of seals, whole and forged in every way, and what older versions and former keys left."""

from typing import Any

import pytest

from tests.tollway.services.ledger.model.test_seals import SIGNER, entry
from tollway.services.ledger.model.chain import Chain
from tollway.services.ledger.model.records import Seal, StatementEntry
from tollway.services.ledger.model.seals import GENESIS, AuditHead, Signer, hash_of, is_signed, leaf_of

AUDIT = AuditHead(7, "ab")
FORMER = Signer(b"f" * 32)


def tagged(one: StatementEntry, signer: Signer = SIGNER) -> StatementEntry:
    return one._replace(tag=signer.tag(leaf_of(one)))


def older(seal: Seal, signer: Signer = SIGNER) -> Seal:
    """The seal as it was before seals named the head of the audit trail."""
    bare = seal._replace(audit_sequence=None, audit_hash=None)
    return bare._replace(hash=hash_of(bare), signature=signer._key.sign(hash_of(bare)))


def a_chain(size: int = 3) -> tuple[list[Any], list[StatementEntry]]:
    entries = [tagged(entry(number)) for number in range(2 * size)]
    seals, previous = [], None
    for start in range(0, len(entries), 2):
        previous = SIGNER.seal(previous, entries[start : start + 2], 1000 + start, AUDIT)
        seals.append(previous)
    return seals, entries


def followed(seals: list[Any], entries: list[StatementEntry]) -> list[str]:
    chain = Chain(SIGNER)
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
    chain = Chain(SIGNER)
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
        (lambda seals, entries: entries.__setitem__(0, tagged(entry(9))), "not the ones"),
        (lambda seals, entries: seals.__setitem__(0, seals[0]._replace(root=GENESIS)), "altered"),
        (lambda seals, entries: seals.__setitem__(0, seals[0]._replace(sealed_at_us=7)), "altered"),
        (lambda seals, entries: seals.__setitem__(0, seals[0]._replace(signature=bytes(64))), "not signed"),
        (lambda seals, entries: seals.__setitem__(0, seals[0]._replace(signer=b"short")), "not signed"),
        (
            lambda seals, entries: seals.__setitem__(
                0, Signer(bytes(32)).seal(None, entries[:2], 1000, AUDIT)
            ),
            "not signed by this platform",
        ),
        (lambda seals, entries: seals.__setitem__(0, seals[0]._replace(audit_hash="cd")), "altered"),
        (lambda seals, entries: seals.__setitem__(0, seals[0]._replace(audit_sequence=None)), "altered"),
        (lambda seals, entries: entries.__setitem__(5, entries[5]._replace(tag=None)), "its tag is wrong"),
        (
            lambda seals, entries: entries.__setitem__(5, entries[5]._replace(tag=b"x" * 16)),
            "its tag is wrong",
        ),
        (lambda seals, entries: entries.append(entry(9)), "its tag is wrong"),
    ],
)
def test_a_forged_chain_is_found_out(forge: Any, sentence: str) -> None:
    seals, entries = a_chain()
    forge(seals, entries)
    assert any(sentence in finding for finding in followed(seals, entries))


@pytest.mark.parametrize(("apart_s", "found"), [(30, False), (3600, True)])
def test_seals_that_were_cut_off_are_missed_as_soon_as_they_are_overdue(apart_s: int, found: bool) -> None:
    chain = Chain(SIGNER)
    for number, at_us in ((1, 10), (2, 10 + apart_s * 1_000_000)):
        one = entry(number)
        chain.take(tagged(one._replace(txn=one.txn._replace(created_at_us=at_us))))
    chain.end()
    assert any("under no seal" in finding for finding in chain.findings) == found


def test_what_an_older_version_wrote_has_no_tags_up_to_the_first_new_seal() -> None:
    entries = [entry(1), entry(2), tagged(entry(3)), tagged(entry(4))]
    first = older(SIGNER.seal(None, entries[:1], 1000, AUDIT))
    second = SIGNER.seal(first, entries[1:3], 2000, AUDIT)
    assert followed([first, second], entries) == []
    assert followed([first], entries) == []
    assert any("tag" in finding for finding in followed([first, second], [*entries, entry(5)]))
    assert any("tag" in finding for finding in followed([], entries[:2]))


def test_after_the_key_was_changed_the_former_one_counts_for_what_it_sealed_only() -> None:
    entries = [tagged(entry(1), FORMER), tagged(entry(2)), tagged(entry(3), FORMER)]
    first = FORMER.seal(None, entries[:1], 1000, AUDIT)
    second = SIGNER.seal(first, entries[1:2], 2000, AUDIT)
    third = FORMER.seal(second, entries[2:], 3000, AUDIT)

    def found(seals: list[Seal], upto: int) -> list[str]:
        chain = Chain(SIGNER, [FORMER.public])
        chain.add_seals(seals)
        for one in entries[:upto]:
            chain.take(one)
        chain.end()
        return chain.findings

    assert found([first, second], 2) == []
    assert any("former key" in finding for finding in found([first, second, third], 3))
    assert any("tag" in finding for finding in found([first, second], 3))


@pytest.mark.parametrize(("seen_us", "found"), [(0, False), (3_600_000_000, True)])
def test_work_that_went_on_elsewhere_shows_that_seals_are_missing(seen_us: int, found: bool) -> None:
    chain = Chain(SIGNER)
    chain.take(tagged(entry(1)))
    chain.end(seen_us)
    assert any("under no seal" in finding for finding in chain.findings) == found
