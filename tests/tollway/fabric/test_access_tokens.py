"""The verifier believes the issuer's keys and nothing that a token says about itself."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, KeySet

from tests.kit.clock import FakeClock
from tollway.fabric.access_tokens import (
    ACCESS_TTL_S,
    LEEWAY_S,
    SERVICE_TTL_S,
    Principal,
    Revocations,
    Verifier,
)
from tollway.fabric.checked_tokens import INSIDE_GRACE_S, CheckedTokens
from tollway.fabric.published_keys import KEYS_MAX_AGE_S, UNKNOWN_KID_PAUSE_S
from tollway.kit import tasks
from tollway.kit.errors import Problem, Unauthenticated, Unavailable

ISSUER, AUDIENCE = "https://tollway.test", "tollway-api"
NOW_S = FakeClock().now_us() // 1_000_000


class Issuer:
    """Signs what it is told to, and publishes its keys; counts how often it is asked for them."""

    def __init__(self) -> None:
        self.keys: list[ECKey] = []
        self.asked = 0
        self.down = False
        self.add_key()

    def add_key(self) -> None:
        self.keys.append(ECKey.generate_key("P-256", {"use": "sig"}, auto_kid=True))

    async def publish(self) -> str:
        self.asked += 1
        await asyncio.sleep(0)
        if self.down:
            raise Unavailable("no answer")
        return json.dumps(KeySet(list(self.keys)).as_dict(private=False))

    def sign(self, *, header: dict[str, Any] | None = None, **claims: Any) -> str:
        key = self.keys[-1]
        head = {"alg": "ES256", "typ": "at+jwt", "kid": key.kid, **(header or {})}
        return jws.serialize_compact(head, json.dumps(good_claims() | claims), key)


def good_claims() -> dict[str, Any]:
    return {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "usr_1",
        "sid": "ses_1",
        "client_id": "tollway-program",
        "kind": "user",
        "scope": "orders:read orders:write",
        "roles": ["customer"],
        "amr": ["pwd"],
        "auth_time": NOW_S - 60,
        "iat": NOW_S,
        "exp": NOW_S + ACCESS_TTL_S,
    }


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def verifier(issuer: Issuer, clock: FakeClock) -> Verifier:
    return Verifier(issuer.publish, ISSUER, AUDIENCE, clock)


async def test_a_good_token_tells_who_calls(issuer: Issuer, verifier: Verifier) -> None:
    claims = await verifier.verify(issuer.sign())
    assert claims == Principal(
        user_id="usr_1",
        session_id="ses_1",
        roles=frozenset({"customer"}),
        auth_time_us=(NOW_S - 60) * 1_000_000,
        issued_at_us=NOW_S * 1_000_000,
        expires_at_us=(NOW_S + ACCESS_TTL_S) * 1_000_000,
        amr=("pwd",),
        client_id="tollway-program",
        kind="user",
        scopes=frozenset({"orders:read", "orders:write"}),
    )


async def test_a_token_without_a_scope_known_kind_or_client_is_refused(
    issuer: Issuer, verifier: Verifier
) -> None:
    claims: list[Any] = [
        {"scope": ""},
        {"scope": None},
        {"scope": ["*"]},
        {"kind": "root"},
        {"kind": None},
        {"client_id": ""},
    ]
    for claim in claims:
        with pytest.raises(Unauthenticated):
            await verifier.verify(issuer.sign(**claim))


@pytest.mark.parametrize(
    ("inside", "kind", "life_s", "good"),
    [
        (False, "service", ACCESS_TTL_S, False),
        (True, "service", SERVICE_TTL_S, True),
        (True, "service", SERVICE_TTL_S + 1, False),
        (True, "user", ACCESS_TTL_S, True),
        (True, "user", ACCESS_TTL_S + 1, False),
        (True, "api_key", SERVICE_TTL_S, False),
    ],
)
async def test_a_services_own_token_lives_longer_and_counts_inside_only(
    issuer: Issuer, clock: FakeClock, inside: bool, kind: str, life_s: int, good: bool
) -> None:
    verifier = Verifier(issuer.publish, ISSUER, AUDIENCE, clock, inside=inside)
    token = issuer.sign(kind=kind, exp=NOW_S + life_s)
    if good:
        assert (await verifier.verify(token)).kind == kind
        return
    with pytest.raises(Unauthenticated):
        await verifier.verify(token)


async def test_two_factors_are_told_apart_from_one(issuer: Issuer, verifier: Verifier) -> None:
    assert not (await verifier.verify(issuer.sign(amr=["pwd", "otp"]))).second_factor, "two of one kind"
    assert (await verifier.verify(issuer.sign(amr=["pwd", "otp", "mfa"]))).second_factor


async def test_a_scope_is_matched_whole(issuer: Issuer, verifier: Verifier) -> None:
    limited = await verifier.verify(issuer.sign(scope="orders:read"))
    assert [limited.has_scope(name) for name in ("orders:read", "orders", "orders:*", "orders:write")] == [
        True,
        False,
        False,
        False,
    ]
    assert (await verifier.verify(issuer.sign(scope="*"))).has_scope("orders:write")


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unsigned(alg: str, issuer: Issuer) -> str:
    head = {"alg": alg, "typ": "at+jwt", "kid": issuer.keys[0].kid}
    return f"{b64(json.dumps(head).encode())}.{b64(json.dumps(good_claims()).encode())}."


def signed_with_public_key_as_secret(issuer: Issuer) -> str:
    head = {"alg": "HS256", "typ": "at+jwt", "kid": issuer.keys[0].kid}
    text = f"{b64(json.dumps(head).encode())}.{b64(json.dumps(good_claims()).encode())}"
    secret = issuer.keys[0].as_pem(private=False)
    return f"{text}.{b64(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"


def signed_by_a_stranger(issuer: Issuer, **header: Any) -> str:
    stranger = ECKey.generate_key("P-256")
    head = {"alg": "ES256", "typ": "at+jwt", "kid": issuer.keys[0].kid} | header
    if "jwk" in header:
        head["jwk"] = stranger.as_dict(private=False)
    return jws.serialize_compact(head, json.dumps(good_claims()), stranger)


def with_other_claims(issuer: Issuer) -> str:
    head, _, signature = issuer.sign().split(".")
    return f"{head}.{b64(json.dumps(good_claims() | {'roles': ['admin']}).encode())}.{signature}"


def with_signature(issuer: Issuer, raw: bytes) -> str:
    return issuer.sign().rsplit(".", 1)[0] + "." + b64(raw)


def raw_header(issuer: Issuer, text: str) -> str:
    return f"{b64(text.encode())}.{issuer.sign().partition('.')[2]}"


ATTACKS = {
    "alg none": lambda i: unsigned("none", i),
    "alg none with a signature": lambda i: unsigned("none", i) + "AAAA",
    "alg NoNe": lambda i: unsigned("NoNe", i) + "AAAA",
    "public key used as an HMAC secret": signed_with_public_key_as_secret,
    "another algorithm": lambda i: raw_header(i, '{"alg":"ES384","typ":"at+jwt","kid":"x"}'),
    "key inside the token": lambda i: signed_by_a_stranger(i, jwk={}),
    "key inside the token, no kid": lambda i: signed_by_a_stranger(i, jwk={}, kid=""),
    "key by address": lambda i: signed_by_a_stranger(i, jku="https://evil.test/jwks.json"),
    "unknown kid": lambda i: signed_by_a_stranger(i, kid="somebody-else"),
    "kid is a number": lambda i: raw_header(i, '{"alg":"ES256","typ":"at+jwt","kid":7}'),
    "known kid, other key": signed_by_a_stranger,
    "claims changed": with_other_claims,
    "empty signature": lambda i: with_signature(i, b""),
    "zero signature": lambda i: with_signature(i, bytes(64)),
    "short signature": lambda i: with_signature(i, bytes(32)),
    "no typ": lambda i: i.sign(header={"typ": ""}),
    "typ of an id token": lambda i: i.sign(header={"typ": "JWT"}),
    "typ of a half login": lambda i: i.sign(header={"typ": "mfa+jwt"}),
    "critical header": lambda i: raw_header(i, '{"alg":"ES256","typ":"at+jwt","kid":"x","crit":["b64"]}'),
    "another issuer": lambda i: i.sign(iss="https://evil.test"),
    "issuer as a list": lambda i: i.sign(iss=[ISSUER]),
    "another audience": lambda i: i.sign(aud="another-api"),
    "several audiences": lambda i: i.sign(aud=[AUDIENCE, "another-api"]),
    "expired": lambda i: i.sign(iat=NOW_S - 400, exp=NOW_S - LEEWAY_S),
    "from the future": lambda i: i.sign(iat=NOW_S + LEEWAY_S + 1, exp=NOW_S + 200),
    "valid for ages": lambda i: i.sign(exp=10**30),
    "one second too long": lambda i: i.sign(exp=NOW_S + ACCESS_TTL_S + 1),
    "ends before it begins": lambda i: i.sign(iat=NOW_S, exp=NOW_S - 1),
    "exp as text": lambda i: i.sign(exp=str(NOW_S + 10)),
    "exp as a float": lambda i: i.sign(exp=NOW_S + 10.5),
    "exp as a boolean": lambda i: i.sign(exp=True),
    "exp not a number": lambda i: i.sign(exp=float("nan")),
    "no subject": lambda i: i.sign(sub=""),
    "subject as a number": lambda i: i.sign(sub=1),
    "no session": lambda i: i.sign(sid=None),
    "roles as text": lambda i: i.sign(roles="admin"),
    "roles of numbers": lambda i: i.sign(roles=[1]),
    "claims are a list": lambda i: jws.serialize_compact(
        {"alg": "ES256", "typ": "at+jwt", "kid": i.keys[0].kid}, "[]", i.keys[0]
    ),
    "claims are no JSON": lambda i: jws.serialize_compact(
        {"alg": "ES256", "typ": "at+jwt", "kid": i.keys[0].kid}, b"\xff\xfe", i.keys[0]
    ),
    "header is a list": lambda i: raw_header(i, "[]"),
    "header is no JSON": lambda i: raw_header(i, "{"),
    "header nested without end": lambda i: raw_header(i, "[" * 2400),
    "padded base64": lambda i: i.sign() + "==",
    "four parts": lambda i: i.sign() + ".AAAA",
    "a newline": lambda i: i.sign() + "\n",
    "empty": lambda _: "",
    "other scripts": lambda _: "é.é.é",
    "too long": lambda i: i.sign(padding="x" * 5000),
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_a_forged_or_foreign_token_is_refused(attack: str, issuer: Issuer, verifier: Verifier) -> None:
    token = ATTACKS[attack](issuer)
    with pytest.raises(Unauthenticated) as refusal:
        await verifier.verify(token)
    assert "access token" in refusal.value.detail


@settings(max_examples=200, deadline=None)
@given(
    token=st.text(max_size=300)
    | st.from_regex(r"[A-Za-z0-9_-]{1,80}\.[A-Za-z0-9_-]{1,80}\.[A-Za-z0-9_-]{0,90}")
)
def test_rubbish_is_refused_and_never_fails_otherwise(token: str) -> None:
    verifier = Verifier(Issuer().publish, ISSUER, AUDIENCE, FakeClock())
    with pytest.raises(Unauthenticated):
        asyncio.run(verifier.verify(token))


async def test_clocks_may_differ_by_the_leeway(issuer: Issuer, verifier: Verifier, clock: FakeClock) -> None:
    token = issuer.sign()
    clock.advance(-LEEWAY_S)
    assert await verifier.verify(token)
    clock.advance(LEEWAY_S + ACCESS_TTL_S + LEEWAY_S - 0.001)
    assert await verifier.verify(token)
    clock.advance(0.001)
    with pytest.raises(Unauthenticated, match="expired"):
        await verifier.verify(token)


async def test_the_keys_are_fetched_once_however_many_ask(issuer: Issuer, verifier: Verifier) -> None:
    token = issuer.sign()
    await asyncio.gather(*(verifier.verify(token) for _ in range(50)))
    assert issuer.asked == 1


async def test_a_new_key_is_found_but_rubbish_kids_do_not_flood_the_issuer(
    issuer: Issuer, verifier: Verifier, clock: FakeClock
) -> None:
    await verifier.verify(issuer.sign())
    issuer.add_key()
    for _ in range(20):
        with pytest.raises(Unauthenticated, match="does not publish"):
            await verifier.verify(issuer.sign())
    assert issuer.asked == 1
    clock.advance(UNKNOWN_KID_PAUSE_S)
    assert await verifier.verify(issuer.sign(iat=NOW_S + 1))
    assert issuer.asked == 2


async def test_the_last_good_set_serves_while_the_issuer_is_down(
    issuer: Issuer, verifier: Verifier, clock: FakeClock
) -> None:
    await verifier.verify(issuer.sign())
    issuer.down = True
    clock.advance(KEYS_MAX_AGE_S)
    later = NOW_S + KEYS_MAX_AGE_S
    for _ in range(3):
        assert await verifier.verify(issuer.sign(iat=later, exp=later + 10))
        await asyncio.sleep(0.01)
    assert issuer.asked == 2, "one try in the background"
    clock.advance(1)
    await verifier.verify(issuer.sign(iat=later, exp=later + 10))
    await asyncio.sleep(0.01)
    assert issuer.asked == 3, "and again soon, since it failed"


async def test_an_old_set_is_fetched_anew_so_a_dropped_key_goes(
    issuer: Issuer, verifier: Verifier, clock: FakeClock
) -> None:
    await verifier.verify(issuer.sign())
    clock.advance(KEYS_MAX_AGE_S)
    later = NOW_S + KEYS_MAX_AGE_S
    token = issuer.sign(iat=later, exp=later + 10)
    issuer.keys = []
    issuer.add_key()
    assert await verifier.verify(token), "the old set answers at once"
    await asyncio.sleep(0.01)
    with pytest.raises(Unauthenticated, match="does not publish"):
        await verifier.verify(token)


async def test_without_any_key_set_the_answer_is_unavailable_and_heals(
    issuer: Issuer, verifier: Verifier, clock: FakeClock
) -> None:
    issuer.down = True
    for _ in range(5):
        with pytest.raises(Unavailable):
            await verifier.verify(issuer.sign())
    assert issuer.asked == 1
    issuer.down = False
    clock.advance(1)
    assert await verifier.verify(issuer.sign())


@pytest.mark.parametrize(
    "answer", ["", "[]", "{}", '{"keys": 7}', '{"keys": [7]}', '{"keys": [{"kty": "oct"}]}']
)
async def test_a_key_set_that_cannot_be_read_counts_as_none(
    answer: str, issuer: Issuer, clock: FakeClock
) -> None:
    async def publish() -> str:
        return answer

    with pytest.raises(Unavailable):
        await Verifier(publish, ISSUER, AUDIENCE, clock).verify(issuer.sign())


async def test_one_caller_that_gives_up_does_not_end_the_fetch_for_others(clock: FakeClock) -> None:
    issuer, gate = Issuer(), asyncio.Event()

    async def slow() -> str:
        await gate.wait()
        return await issuer.publish()

    verifier = Verifier(slow, ISSUER, AUDIENCE, clock)
    hasty = tasks.spawn(verifier.verify(issuer.sign()), "hasty")
    patient = tasks.spawn(verifier.verify(issuer.sign()), "patient")
    await asyncio.sleep(0)
    await tasks.cancel(hasty)
    gate.set()
    assert (await patient).user_id == "usr_1"
    assert issuer.asked == 1


# ── revocations ─────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Entry:
    sequence: int
    session_id: str = ""
    user_id: str = ""
    at_us: int = 0
    kid: str = ""


def claims_of(
    session_id: str = "ses_1", user_id: str = "usr_1", issued_at_s: int = NOW_S, kid: str = "key-1"
) -> Principal:
    issued_at_us, expires_at_us = issued_at_s * 1_000_000, (issued_at_s + 300) * 1_000_000
    return Principal(user_id, session_id, frozenset(), 0, issued_at_us, expires_at_us, kid=kid)


def test_an_ended_session_is_refused_and_others_are_not(clock: FakeClock) -> None:
    revoked = Revocations(clock)
    revoked.add("ses_1", "usr_1", clock.now_us())
    with pytest.raises(Unauthenticated, match="ended"):
        revoked.check(claims_of("ses_1"))
    revoked.check(claims_of("ses_2"))


def test_ending_all_of_a_user_spares_what_comes_after(clock: FakeClock) -> None:
    revoked = Revocations(clock)
    clock.advance(0.7)
    revoked.add("", "usr_1", clock.now_us())
    assert revoked.covers(claims_of("ses_old", issued_at_s=NOW_S - 1))
    assert not revoked.covers(claims_of("ses_new", issued_at_s=NOW_S)), "a login in the very same second"
    assert not revoked.covers(claims_of("ses_old", user_id="usr_2", issued_at_s=NOW_S - 1))


def test_what_a_dropped_key_signed_is_refused_from_then_on(clock: FakeClock) -> None:
    revoked, ended = Revocations(clock), list[str]()
    with (
        revoked.watch(claims_of(kid="stolen"), lambda: ended.append("stolen")),
        revoked.watch(claims_of(kid="good"), lambda: ended.append("good")),
    ):
        revoked.add_key("stolen")
        assert set(ended) == {"stolen"}, "what is open ends too"
    clock.advance(10 * ACCESS_TTL_S)
    revoked.add("ses_9", "usr_9", clock.now_us())
    with pytest.raises(Unauthenticated):
        revoked.check(claims_of("ses_2", "usr_2", kid="stolen"))
    revoked.check(claims_of("ses_2", "usr_2", kid="good"))


def test_an_entry_is_forgotten_when_no_token_can_outlive_it(clock: FakeClock) -> None:
    revoked = Revocations(clock)
    revoked.add("ses_1", "usr_1", clock.now_us())
    revoked.add("", "usr_9", clock.now_us())
    clock.advance(ACCESS_TTL_S + LEEWAY_S)
    revoked.add("ses_2", "usr_2", clock.now_us())
    assert revoked.covers(claims_of("ses_1")), "a token of its last second may still pass the leeway"
    clock.advance(LEEWAY_S + 1)
    revoked.add("ses_3", "usr_3", clock.now_us())
    assert not revoked.covers(claims_of("ses_1"))
    assert not revoked.covers(claims_of("ses_x", "usr_9", NOW_S - 10))
    assert revoked.covers(claims_of("ses_2"))


@dataclass
class Stream:
    """A revocation stream that breaks after each batch."""

    batches: list[list[Entry]]
    asked_after: list[int] = field(default_factory=list)

    async def open(self, after: int) -> AsyncIterator[Entry]:
        self.asked_after.append(after)
        for entry in self.batches.pop(0) if self.batches else []:
            yield entry
        raise Problem("gone")


async def test_following_goes_on_where_a_broken_stream_ended(clock: FakeClock) -> None:
    stream = Stream([[Entry(1, "ses_1", "usr_1"), Entry(2)], [Entry(3, "ses_3", "usr_3")]])
    revoked, heard = Revocations(clock), []
    assert revoked.silent_s == float("inf")
    following = tasks.spawn(revoked.follow(stream.open, lambda entry: heard.append(entry.sequence)), "follow")
    async with asyncio.timeout(20):
        while revoked.sequence < 3:
            await asyncio.sleep(0.01)
    await tasks.cancel(following)
    assert stream.asked_after[:2] == [0, 2]
    assert heard == [1, 3], "a heartbeat is no news"
    assert revoked.covers(claims_of("ses_1"))
    assert revoked.covers(claims_of("ses_3"))
    assert revoked.silent_s < 5


# ── tokens that come with calls between services ────────────────────────────────────────────────────────


class Counting(Verifier):
    """A verifier that counts what it verifies."""

    verified = 0

    async def verify(self, token: str) -> Principal:
        self.verified += 1
        return await super().verify(token)


@pytest.fixture
def counting(issuer: Issuer, clock: FakeClock) -> Counting:
    return Counting(issuer.publish, ISSUER, AUDIENCE, clock, INSIDE_GRACE_S)


async def test_a_token_is_verified_once_and_known_until_it_has_expired(
    issuer: Issuer, counting: Counting, clock: FakeClock
) -> None:
    checked, token = CheckedTokens(counting, clock, Revocations(clock)), issuer.sign()
    assert checked.known(token) is None
    assert (await checked.check(token)).user_id == "usr_1"
    found = checked.known(token)
    assert found is not None
    assert (found.user_id, found.roles, counting.verified) == ("usr_1", frozenset({"customer"}), 1)
    clock.advance(ACCESS_TTL_S + LEEWAY_S + INSIDE_GRACE_S - 1)
    assert checked.known(token) is found, "the request was admitted before it expired"
    clock.advance(1)
    assert checked.known(token) is None
    with pytest.raises(Unauthenticated, match="expired"):
        await checked.check(token)


async def test_what_a_dropped_key_signed_is_not_known_any_more(
    issuer: Issuer, counting: Counting, clock: FakeClock
) -> None:
    revocations = Revocations(clock)
    checked, token = CheckedTokens(counting, clock, revocations), issuer.sign()
    await checked.check(token)
    revocations.add_key(issuer.keys[-1].kid or "")
    assert checked.known(token) is None
    with pytest.raises(Unauthenticated, match="dropped"):
        await checked.check(token)


async def test_a_forged_token_is_not_remembered(issuer: Issuer, counting: Counting, clock: FakeClock) -> None:
    checked, token = CheckedTokens(counting, clock, Revocations(clock)), issuer.sign()
    forged = ".".join((*token.split(".")[:2], issuer.sign(sub="usr_2").split(".")[2]))
    for _ in range(2):
        with pytest.raises(Unauthenticated, match="signature"):
            await checked.check(forged)
    assert checked.known(forged) is None


async def test_known_tokens_do_not_pile_up(
    issuer: Issuer, counting: Counting, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tollway.fabric.checked_tokens.KNOWN_TOKENS", 2)
    checked = CheckedTokens(counting, clock, Revocations(clock))
    tokens = [issuer.sign(sub=f"usr_{n}") for n in range(3)]
    for token in tokens:
        await checked.check(token)
    assert [checked.known(token) is not None for token in tokens] == [False, True, True]
