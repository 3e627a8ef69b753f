"""The chain against every kind of tampering, and what is kept out of it."""

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tollway.services.audit.conftest import a_event
from tollway.services.audit.model import (
    FINDINGS_LIMIT,
    GENESIS,
    REDACTED,
    AuditEntry,
    ChainVerifier,
    EntrySigner,
    Head,
    redact,
)

SIGNER = EntrySigner(bytes(range(32)))


def chain(length: int) -> list[AuditEntry]:
    head, entries = Head(), []
    for number in range(length):
        entries.append(SIGNER.append(head, a_event(number)))
        head = Head(entries[-1].sequence, entries[-1].hash)
    return entries


def inspect(entries: list[AuditEntry], head: Head | None = None) -> list[str]:
    verifier = ChainVerifier([SIGNER.public])
    for entry in entries:
        verifier.follow(entry)
    verifier.end(head or verifier.head)
    return verifier.findings


def end_of(entries: list[AuditEntry]) -> Head:
    return Head(entries[-1].sequence, entries[-1].hash)


def test_a_whole_chain_has_no_findings() -> None:
    entries = chain(20)
    assert inspect(entries, end_of(entries)) == []
    assert inspect([], Head()) == []


def test_anybody_can_recompute_an_entry() -> None:
    first, second = chain(2)
    for previous, entry in ((GENESIS, first), (first.hash, second)):
        fields = {
            name: getattr(entry, name)
            for name in (
                "action", "actor", "at_us", "correlation_id",
                "data", "event_id", "sequence", "source", "subject", "topic",
            )
        }  # fmt: skip
        text = previous + "\n" + json.dumps(fields, separators=(",", ":"))
        assert entry.hash == hashlib.sha256(text.encode()).hexdigest()


@given(st.integers(0, 9), st.sampled_from(list(AuditEntry.__dataclass_fields__)), st.data())
def test_any_flipped_bit_is_found(place: int, name: str, data: st.DataObject) -> None:
    entries = chain(10)
    end = end_of(entries)
    value: Any = getattr(entries[place], name)
    if isinstance(value, int):
        changed: Any = value ^ (1 << data.draw(st.integers(0, 40)))
    else:
        position, bit = data.draw(st.integers(0, len(value) - 1)), data.draw(st.integers(0, 6))
        flipped = ord(value[position : position + 1]) ^ (1 << bit)
        one: Any = bytes([flipped]) if isinstance(value, bytes) else chr(flipped)
        changed = value[:position] + one + value[position + 1 :]
    entries[place] = replace(entries[place], **{name: changed})
    assert inspect(entries, end)


@given(st.integers(0, 9), st.integers(1, 9))
def test_any_gap_is_found(start: int, length: int) -> None:
    entries = chain(10)
    end = end_of(entries)
    del entries[start : start + length]
    assert inspect(entries, end)


@given(st.permutations(range(6)).filter(lambda order: list(order) != list(range(6))))
def test_any_other_order_is_found(order: list[int]) -> None:
    entries = chain(6)
    moved = [replace(entries[old], sequence=new + 1) for new, old in enumerate(order)]
    assert inspect(moved, end_of(entries))
    assert inspect([entries[old] for old in order], end_of(entries))


def test_an_entry_put_in_between_is_found() -> None:
    entries = chain(5)
    forged = SIGNER.append(Head(2, entries[1].hash), a_event(99))
    later = [replace(entry, sequence=entry.sequence + 1) for entry in entries[2:]]
    assert inspect([*entries[:2], forged, *later], end_of(entries))


def test_an_end_rewritten_without_the_head_is_found() -> None:
    entries = chain(5)
    forged = SIGNER.append(Head(3, entries[2].hash), a_event(99))
    rest = SIGNER.append(Head(4, forged.hash), a_event(100))
    assert inspect([*entries[:3], forged, rest], end_of(entries)) == [
        f"the head says 5 {entries[4].hash}, the last entry says otherwise"
    ]


def test_one_change_is_one_finding_and_names_the_place() -> None:
    entries = chain(9)
    entries[3] = replace(entries[3], actor="usr_9")
    assert inspect(entries) == ["entry 4 (evt_003) does not match its hash: it was altered"]
    assert inspect([entries[0], *entries[5:]]) == ["entries 2 to 5 are missing"]


def test_findings_are_bounded() -> None:
    broken = [replace(entry, hash="x") for entry in chain(300)]
    assert len(inspect(broken)) == FINDINGS_LIMIT


def test_addresses_are_withheld_and_people_named_by_id() -> None:
    kept = a_event(
        1,
        actor="usr_2",
        data_json='{"user_id":"usr_1","email":"Ada.L@example.com","deep":[{"x":"to <ada@x.org>, b@y.de"}]}',
    )
    assert json.loads(kept.data) == {
        "user_id": "usr_1",
        "email": REDACTED,
        "deep": [{"x": f"to <{REDACTED}>, {REDACTED}"}],
    }
    assert kept.actor == "usr_2", "who did it is not who it is about"


@pytest.mark.parametrize("data", ['{"user_id":"usr_1","actor":"usr_admin"}', '{"price":7}', "[1,2]"])
def test_the_actor_is_who_the_envelope_names_whatever_the_event_says(data: str) -> None:
    assert a_event(1, data_json=data).actor == "usr_operator"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.text(), json_values))
def test_whatever_a_event_holds_is_sealed_the_same_after_storage(fields: dict[str, object]) -> None:
    entry = SIGNER.append(Head(), a_event(1, data_json=json.dumps(fields)))
    stored = replace(entry, data=entry.data.encode().decode())
    assert inspect([stored]) == []
    assert json.loads(stored.data) == redact(fields)
    assert stored.data.isascii()


def test_a_head_noted_elsewhere_shows_that_the_end_was_cut_off() -> None:
    whole = chain(5)
    for kept, findings in ((5, 0), (3, 1)):
        verifier = ChainVerifier([SIGNER.public], known_head=whole[-1].hash)
        for one in whole[:kept]:
            verifier.follow(one)
        verifier.end(end_of(whole[:kept]))
        assert len(verifier.findings) == findings


def rewritten(entries: list[AuditEntry], signer: EntrySigner | None) -> list[AuditEntry]:
    """Say something else at one place and make all hashes after it fit, as somebody with another key, or none, can."""
    head, made = Head(), []
    for number, entry in enumerate(entries):
        what = a_event(number, actor="usr_9") if number == 2 else a_event(number)
        one = (signer or SIGNER).append(head, what)
        made.append(one if signer else replace(one, signature=entry.signature))
        head = Head(one.sequence, one.hash)
    return made


@pytest.mark.parametrize("signer", [None, EntrySigner(bytes(32))], ids=["no key", "another key"])
def test_a_rewritten_record_is_not_signed_by_this_platform(signer: EntrySigner | None) -> None:
    forged = rewritten(chain(5), signer)
    assert any("not signed by this platform" in finding for finding in inspect(forged, end_of(forged)))


def test_what_an_older_version_recorded_is_vouched_for_by_the_first_signature() -> None:
    entries = chain(5)
    for number in range(3):
        entries[number] = replace(entries[number], signature=None)
    assert inspect(entries) == []
    assert inspect(entries[:3]) == [
        "no entry is signed: the record was rewritten, or nothing was recorded since the upgrade"
    ]
    entries[4] = replace(entries[4], signature=None)
    assert inspect(entries) == ["entry 5 (evt_004) is not signed by this platform"]


def test_heads_that_others_noted_must_be_there() -> None:
    entries = chain(5)
    for known, findings in (
        ({2: entries[1].hash, 5: entries[4].hash}, 0),
        ({2: "ab"}, 1),
        ({6: "cd"}, 1),
        ({2: "ab", 6: "cd"}, 2),
    ):
        verifier = ChainVerifier([SIGNER.public], known=known)
        for one in entries:
            verifier.follow(one)
        verifier.end(end_of(entries))
        assert len(verifier.findings) == findings
