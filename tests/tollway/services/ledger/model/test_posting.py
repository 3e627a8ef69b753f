"""What a transaction may look like at all, and when two are the same."""

from dataclasses import replace

import pytest

from tests.kit.books import (
    CLEARING,
    DEFERRED,
    EUR,
    GB,
    INVENTORY,
    USD,
    capture,
    hold,
    post,
    posting,
    release,
    terms,
    user,
)
from tollway.kit.errors import Invalid
from tollway.kit.money import MAX_UNITS
from tollway.services.ledger.model.posting import Leg, Posting, check_posting
from tollway.services.ledger.model.values import AccountRef, LegKind

GOOD = posting("k", post(CLEARING, user("ann"), 1))


@pytest.mark.parametrize(
    "legs",
    [
        (),
        (post(CLEARING, user("ann"), 0),),
        (post(CLEARING, user("ann"), -1),),
        (post(CLEARING, user("ann"), MAX_UNITS + 1),),
        (post(CLEARING, CLEARING, 1),),
        (post(CLEARING, user("ann", EUR), 1),),
        (post(CLEARING, AccountRef("user", "usr_ann", USD, "pocket"), 1),),
        (post(CLEARING, AccountRef("robot", "usr_ann", USD, "available"), 1),),
        (post(CLEARING, AccountRef("user", "", USD, "available"), 1),),
        (post(CLEARING, AccountRef("user", "u" * 101, USD, "available"), 1),),
        (hold("no-prefix", user("ann"), DEFERRED, 1),),
        (hold("hld_1", user("ann"), DEFERRED, 1, -5),),
        (Leg(LegKind.HOLD, user("ann"), DEFERRED, 1, "hld_1", lot=terms(USD, 1, 0)),),
        (Leg(LegKind.POST, user("ann"), None, 1),),
        (capture("hld_1", 0),),
        (release("hld_1", -1),),
        (post(INVENTORY, user("ann", GB), 1, terms("", 5, 0)),),
        (post(INVENTORY, user("ann", GB), 1, terms(USD, -5, 0)),),
        (post(INVENTORY, user("ann", GB), 1, terms(USD, 5, -1)),),
        tuple(post(CLEARING, user("ann"), 1) for _ in range(65)),
    ],
)
def test_legs_that_make_no_sense_are_refused(legs: tuple[Leg, ...]) -> None:
    with pytest.raises(Invalid):
        check_posting(posting("k", *legs))


@pytest.mark.parametrize(
    "head",
    [
        {"scope": ""},
        {"scope": "ledger"},
        {"key": ""},
        {"key": "k" * 301},
        {"code": ""},
        {"code": "Buy"},
        {"code": "two words"},
        {"actor": "a" * 101},
        {"event_at_us": -1},
        {"meta": {"note": "n" * 4096}},
    ],
)
def test_heads_that_make_no_sense_are_refused(head: dict[str, object]) -> None:
    check_posting(GOOD)
    with pytest.raises(Invalid):
        check_posting(replace(GOOD, **head))  # type: ignore[arg-type]


def test_a_release_may_say_all() -> None:
    check_posting(posting("k", release("hld_1")))


DIFFERENT: list[Posting] = [
    GOOD,
    replace(GOOD, code="gift"),
    replace(GOOD, actor="somebody"),
    replace(GOOD, event_at_us=1),
    replace(GOOD, meta={"a": "b"}),
    replace(GOOD, meta={"a": "c"}),
    posting("k", post(CLEARING, user("ann"), 2)),
    posting("k", post(CLEARING, user("bob"), 1)),
    posting("k", post(user("ann"), CLEARING, 1)),
    posting("k", *GOOD.legs, *GOOD.legs),
    posting("k", hold("hld_1", CLEARING, user("ann"), 1)),
    posting("k", hold("hld_2", CLEARING, user("ann"), 1)),
    posting("k", hold("hld_1", CLEARING, user("ann"), 1, 5)),
    posting("k", post(INVENTORY, user("ann", GB), 1)),
    posting("k", post(INVENTORY, user("ann", GB), 1, terms("", 0, 0))),
    posting("k", post(INVENTORY, user("ann", GB), 1, terms(USD, 1, 0))),
    posting("k", post(INVENTORY, user("ann", GB), 1, terms(USD, 1, 1))),
]


def test_every_difference_makes_another_fingerprint() -> None:
    assert len({one.fingerprint() for one in DIFFERENT}) == len(DIFFERENT)


def test_the_order_of_meta_is_no_difference() -> None:
    one, other = replace(GOOD, meta={"a": "1", "b": "2"}), replace(GOOD, meta={"b": "2", "a": "1"})
    assert one.fingerprint() == other.fingerprint()


def test_a_fingerprint_is_the_same_for_ever() -> None:
    """It is stored; if this changes, retries over an upgrade would be refused as other transactions."""
    assert GOOD.fingerprint().hex() == "cc86c302fed089a1d5b02e57afa138088d9ea2eb3d9df957e99e122e0a327ba0"
