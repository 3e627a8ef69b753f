"""Who asks: cookies and tokens, what is remembered, what is forgotten at once."""

import asyncio
import base64
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.kit.clock import FakeClock
from tests.kit.databases import database, service_migrations
from tests.kit.eventually import eventually
from tests.kit.gateway import ALICE, ORIGIN, PLENTY, Setup, running_gateway
from tests.kit.rest import FakeVerifier
from tests.kit.service_api import TRANSPORTS, Transport, api
from tests.kit.tokens import USER, tokens_service, verifier_of
from tollway.contracts import tokens_pb2_grpc
from tollway.contracts.clients import BROWSER, PROGRAM
from tollway.fabric.access_tokens import Principal
from tollway.gateway.policy.credentials import claimed_session
from tollway.gateway.settings import LimitSettings
from tollway.kit.errors import Unauthenticated, Unavailable
from tollway.services.tokens.rpc import TokensRpc

COOKIE = b"Cookie: theme=dark; __Host-sid=c-alice; lang=en\r\n"
SAME_ORIGIN = f"Origin: {ORIGIN}\r\n".encode()
CSRF = b"X-Tollway-Csrf: csrf-usr_alice\r\n"


# ── bearer tokens ───────────────────────────────────────────────────────────────────────────────────


async def test_a_route_for_users_asks_for_credentials(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        answer = await setup.ask("GET", "/api/orders")
        assert (answer.status, answer.code) == (401, "unauthenticated")
        assert answer.header("WWW-Authenticate") == 'Bearer realm="tollway"'
        assert setup.upstream.seen == []


@pytest.mark.parametrize(
    "value", [b"Basic dXNlcjpwYXNz", b"Bearer", b"Bearer forged", b"usr_alice", b"bearer  "]
)
async def test_what_is_no_token_opens_nothing(tmp_path: Path, value: bytes):
    async with running_gateway(tmp_path) as setup:
        assert (await setup.ask("GET", "/api/orders", b"Authorization: %b\r\n" % value)).status == 401
        assert setup.upstream.seen == []


async def test_two_authorizations_are_one_too_many(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        assert (
            await setup.ask("GET", "/api/orders", ALICE, b"authorization: Bearer usr_bob\r\n")
        ).status == 400


async def test_a_good_token_is_checked_once_a_minute(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        for _ in range(5):
            assert (await setup.ask("GET", "/api/orders", ALICE)).status == 200
        client = await setup.client()
        for _ in range(5):
            assert (await client.ask("GET", "/api/orders", ALICE)).status == 200
        assert setup.verifier.asked == 1


async def test_a_bad_token_is_checked_once_too(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        for _ in range(5):
            answer = await setup.ask("GET", "/api/orders", b"Authorization: Bearer forged\r\n")
            assert (answer.status, answer.json["detail"]) == (401, "this token is not valid")
        assert setup.verifier.asked == 1


async def test_results_are_forgotten_in_time(tmp_path: Path):
    async with running_gateway(tmp_path, identity_cache_s=60, failure_cache_s=5) as setup:
        for header, cache_s in ((ALICE, 60), (b"Authorization: Bearer forged\r\n", 5)):
            before = setup.verifier.asked
            for _ in range(2):
                await setup.ask("GET", "/api/orders", header)
            assert setup.verifier.asked == before + 1
            setup.advance(cache_s + 0.1)
            await setup.ask("GET", "/api/orders", header)
            assert setup.verifier.asked == before + 2


async def test_a_flood_of_new_tokens_meets_a_limit_before_any_signature_is_checked(tmp_path: Path):
    misses = LimitSettings(quota=5, window_s=3_600, by="ip")
    async with running_gateway(tmp_path, unknown_credentials=misses) as setup:
        assert (await setup.ask("GET", "/api/orders", ALICE)).status == 200
        seen = [
            (await setup.ask("GET", "/api/orders", b"Authorization: Bearer forged%d\r\n" % n)).status
            for n in range(20)
        ]
        assert seen == [401] * 4 + [429] * 16
        assert setup.verifier.asked == 5
        assert (await setup.ask("GET", "/api/orders", ALICE)).status == 200  # who is known is not disturbed


def token_of(session: str) -> bytes:
    """What has the form of a token of this session; the fake verifier takes those of users."""
    payload = base64.urlsafe_b64encode(json.dumps({"sid": session}).encode()).rstrip(b"=")
    return b"Authorization: Bearer e30.%b.%b\r\n" % (payload, b"x" * 10)


def verifying_sessions(setup: Setup) -> None:
    """Let the fake verifier take any token whose session is known to the test."""

    async def verify(token: str) -> Principal:
        session = claimed_session(token.encode())
        if session is None or not session.startswith("ses_good"):
            raise Unauthenticated("this token is not valid")
        return replace(await FakeVerifier().verify("usr_alice"), session_id=session)

    setup.verifier.verify = verify  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    "bad",
    [
        lambda number: b"Authorization: Bearer forged-%d\r\n" % number,
        lambda number: token_of(f"ses_bad_{number}"),
        lambda number: token_of("ses_bad").replace(b".x", b".%d" % number),
        lambda number: b"Cookie: __Host-sid=nonsense%d\r\n" % number,
    ],
    ids=["rubbish", "forged sessions", "one session", "cookies"],
)
async def test_after_many_bad_tokens_of_one_office_a_good_fresh_one_still_works(
    tmp_path: Path, bad: Callable[[int], bytes]
):
    misses = LimitSettings(quota=300, window_s=60, by="ip")
    async with running_gateway(tmp_path, unknown_credentials=misses) as setup:
        verifying_sessions(setup)
        client = await setup.client()
        for number in range(500):
            assert (await client.ask("GET", "/api/orders", bad(number))).status in {401, 429}
        assert (await client.ask("GET", "/api/orders", token_of("ses_good_new"))).status == 200


async def test_a_session_that_was_here_lately_goes_on_through_a_flood_of_any_size(tmp_path: Path):
    misses = LimitSettings(quota=5, window_s=3_600, by="ip")
    async with running_gateway(tmp_path, unknown_credentials=misses, identity_cache_s=60) as setup:
        verifying_sessions(setup)
        client = await setup.client()
        assert (await client.ask("GET", "/api/orders", token_of("ses_good"))).status == 200
        setup.advance(61)  # its token is not in the cache any more
        for number in range(800):
            await client.ask("GET", "/api/orders", token_of(f"ses_bad_{number}"))
        assert (await client.ask("GET", "/api/orders", token_of("ses_good"))).status == 200


async def test_who_knows_a_session_cannot_have_forgeries_of_it_checked_without_end(tmp_path: Path):
    misses = LimitSettings(quota=1, window_s=3_600, by="ip")
    async with running_gateway(tmp_path, unknown_credentials=misses) as setup:
        authenticator, now = setup.gateway.authenticator, setup.time()
        authenticator._remember("ses_good")
        credential = token_of("ses_good").partition(b": ")[2].strip()
        checked = sum(authenticator.may_check(credential, now) for _ in range(2_000))
        assert checked == 510


async def test_the_cache_is_bounded(tmp_path: Path):
    async with running_gateway(tmp_path, identity_cache_size=10) as setup:
        for number in range(30):
            await setup.ask("GET", "/api/orders", b"Authorization: Bearer usr_%d\r\n" % number)
        assert len(setup.gateway.authenticator._cache) <= 10
        assert len(setup.gateway.authenticator._by_session) <= 10


# ── public routes ───────────────────────────────────────────────────────────────────────────────────


async def test_on_a_public_route_good_credentials_are_recognized_and_bad_ones_dropped(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        setup.tokens.sessions["c-alice"] = "usr_alice"
        for headers, bearer in (
            (ALICE, "Bearer usr_alice"),
            (COOKIE, "Bearer usr_alice"),
            (b"Authorization: Bearer forged\r\n", None),
            (b"Cookie: __Host-sid=unknown\r\n", None),
            (b"Authorization: Basic eDp5\r\n", "Basic eDp5"),
            (b"", None),
        ):
            assert (await setup.ask("GET", "/api/catalog", headers)).status == 200
            assert setup.upstream.seen[-1].header("Authorization") == bearer, headers


async def test_a_login_form_works_with_an_old_cookie_that_cannot_be_proved(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        setup.tokens.sessions["c-alice"] = "usr_alice"
        assert (await setup.ask("POST", "/api/auth/login", COOKIE, body=b"{}")).status == 200
        assert setup.upstream.seen[-1].header("Authorization") is None


# ── cookies ─────────────────────────────────────────────────────────────────────────────────────────


async def test_the_cookie_stays_here_and_the_services_get_a_token(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        setup.tokens.sessions["c-alice"] = "usr_alice"
        answer = await setup.ask("GET", "/api/orders", COOKIE)
        seen = setup.upstream.seen[0]
        assert answer.status == 200
        assert seen.header("Authorization") == "Bearer usr_alice"
        assert seen.header("Cookie") == "theme=dark; lang=en"
        assert answer.header("X-Tollway-Csrf") == "csrf-usr_alice"


async def test_ten_tabs_ask_once(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        setup.tokens.sessions["c-alice"] = "usr_alice"
        setup.tokens.wait.clear()
        asking = [asyncio.ensure_future(setup.ask("GET", "/api/orders", COOKIE)) for _ in range(10)]
        await eventually(lambda: setup.tokens.asked == 1)
        setup.tokens.wait.set()
        assert [(await one).status for one in asking] == [200] * 10
        assert setup.tokens.asked == 1


async def test_what_was_found_out_meanwhile_is_not_asked_again(tmp_path: Path):
    """A request looks into the cache before its task begins; the answer to another may come between."""
    async with running_gateway(tmp_path) as setup:
        setup.tokens.sessions["c-alice"] = "usr_alice"
        authenticator = setup.gateway.authenticator
        late = authenticator.authenticate_cookie(b"c-alice")
        assert authenticator.cached(b"c-alice", setup.time()) is None
        first = await authenticator.authenticate_cookie(b"c-alice")
        assert await late is first
        assert setup.tokens.asked == 1


@pytest.mark.parametrize(
    "cookie",
    [
        b"__Host-sid=unknown",
        b"__Host-sid=",
        b"__Host-sid=c-alice; __Host-sid=c-alice",
        b"sid=c-alice",
        b"__Host-sid",
    ],
)
async def test_what_is_no_session_opens_nothing(tmp_path: Path, cookie: bytes):
    async with running_gateway(tmp_path) as setup:
        setup.tokens.sessions["c-alice"] = "usr_alice"
        assert (await setup.ask("GET", "/api/orders", b"Cookie: %b\r\n" % cookie)).status == 401
        assert setup.upstream.seen == []


FORGERIES: dict[str, tuple[bytes, str | None]] = {
    "own origin and token": (SAME_ORIGIN + CSRF, None),
    "browser says same origin, and token": (b"Sec-Fetch-Site: same-origin\r\n" + CSRF, None),
    "origin the operator named, and token": (b"Origin: https://console.test\r\n" + CSRF, None),
    "no token": (SAME_ORIGIN, "csrf"),
    "wrong token": (SAME_ORIGIN + b"X-Tollway-Csrf: csrf-usr_bob\r\n", "csrf"),
    "empty token": (SAME_ORIGIN + b"X-Tollway-Csrf: \r\n", "csrf"),
    "no origin": (CSRF, "foreign_origin"),
    "foreign origin": (b"Origin: http://evil.test\r\n" + CSRF, "foreign_origin"),
    "origin that begins like ours": (b"Origin: http://tollway.test.evil.test\r\n" + CSRF, "foreign_origin"),
    "other scheme": (b"Origin: https://tollway.test\r\n" + CSRF, "foreign_origin"),
    "null origin": (b"Origin: null\r\n" + CSRF, "foreign_origin"),
    "cross-site": (b"Sec-Fetch-Site: cross-site\r\n" + CSRF, "foreign_origin"),
    "same-site but not same-origin": (b"Sec-Fetch-Site: same-site\r\n" + CSRF, "foreign_origin"),
}


@pytest.mark.parametrize("row", FORGERIES)
async def test_changes_by_cookie_need_proof_that_our_own_page_sent_them(tmp_path: Path, row: str):
    headers, code = FORGERIES[row]
    async with running_gateway(tmp_path, cors_origins=["https://console.test"]) as setup:
        setup.tokens.sessions["c-alice"] = "usr_alice"
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            answer = await setup.ask(method, "/api/orders", COOKIE, headers, body=b"{}")
            assert (answer.status, None if code is None else answer.code) == (
                200 if code is None else 403,
                code,
            )
        assert len(setup.upstream.seen) == (4 if code is None else 0)


async def test_reading_needs_no_proof_and_a_bearer_token_never_does(tmp_path: Path):
    async with running_gateway(tmp_path) as setup:
        setup.tokens.sessions["c-alice"] = "usr_alice"
        assert (await setup.ask("GET", "/api/orders", COOKIE, b"Origin: http://evil.test\r\n")).status == 200
        assert (await setup.ask("POST", "/api/orders", ALICE, b"Origin: http://evil.test\r\n")).status == 200


# ── forgetting ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("who", [{"session_id": "ses_usr_alice"}, {"user_id": "usr_alice"}])
async def test_an_ended_session_is_out_at_once(tmp_path: Path, who: dict[str, str]):
    async with running_gateway(tmp_path) as setup:
        setup.tokens.sessions["c-alice"] = "usr_alice"
        bob = b"Authorization: Bearer usr_bob\r\n"
        client = await setup.client()
        for headers in (ALICE, COOKIE, bob):
            assert (await client.ask("GET", "/api/orders", headers)).status == 200
        del setup.tokens.sessions["c-alice"]
        setup.tokens.end(**who)
        await eventually(lambda: setup.gateway.authenticator.revocations.sequence == 1)
        assert (await client.ask("GET", "/api/orders", ALICE)).status == 401
        assert (await client.ask("GET", "/api/orders", COOKIE)).status == 401
        assert (await client.ask("GET", "/api/orders", bob)).status == 200


async def test_while_the_tokens_service_is_down_known_sessions_go_on_and_new_ones_wait(tmp_path: Path):
    async with running_gateway(tmp_path, unknown_credentials=PLENTY) as setup:
        setup.tokens.sessions["c-alice"] = "usr_alice"
        assert (await setup.ask("GET", "/api/orders", COOKIE)).status == 200
        setup.tokens.problem = Unavailable("the tokens service does not answer")
        assert (await setup.ask("GET", "/api/orders", COOKIE)).status == 200
        answer = await setup.ask("GET", "/api/orders", b"Cookie: __Host-sid=c-bob\r\n")
        assert (answer.status, answer.code, answer.header("Retry-After")) == (503, "unavailable", "1")
        setup.tokens.problem, setup.tokens.sessions["c-bob"] = None, "usr_bob"
        assert (await setup.ask("GET", "/api/orders", b"Cookie: __Host-sid=c-bob\r\n")).status == 200


async def test_checking_again_leaves_no_old_identity_behind(tmp_path: Path):
    async with running_gateway(tmp_path, identity_cache_s=60) as setup:
        for _ in range(5):
            assert (await setup.ask("GET", "/api/orders", ALICE)).status == 200
            setup.time.advance(61)
        assert len(setup.gateway.authenticator._by_session.get("ses_usr_alice", [])) <= 1


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_with_the_real_tokens_service_a_session_lives_and_ends(tmp_path: Path, transport: Transport):
    clock = FakeClock()
    async with (
        database("sqlite", tmp_path, clock, service_migrations("tokens"), "tokens") as db,
        api(
            transport, tokens_pb2_grpc, TokensRpc(service := tokens_service(db, clock)), caller="gateway"
        ) as tokens,
        running_gateway(
            tmp_path, tokens_stub=tokens.stub, verifier_of_service=verifier_of(service, clock)
        ) as setup,
    ):
        opened = await service.open_session(
            USER, BROWSER, roles=["customer"], amr=["pwd"], user_agent="x", ip="::1"
        )
        program = await service.open_session(
            USER, PROGRAM, roles=["customer"], amr=["pwd"], user_agent="x", ip="::1"
        )
        cookie = f"Cookie: __Host-sid={opened.cookie}\r\n".encode()
        bearer = f"Authorization: Bearer {program.access_token}\r\n".encode()
        proof = SAME_ORIGIN + f"X-Tollway-Csrf: {opened.csrf_token}\r\n".encode()
        assert (await setup.ask("POST", "/api/orders", cookie, proof)).status == 200
        passed_on = (setup.upstream.seen[-1].header("Authorization") or "").removeprefix("Bearer ")
        assert (await verifier_of(service, clock).verify(passed_on)).user_id == USER
        assert (await setup.ask("GET", "/api/orders", bearer)).status == 200
        assert (await setup.ask("GET", "/api/orders", bearer[:-4] + b"AA\r\n")).status == 401

        async def refused(credential: bytes) -> None:
            async with asyncio.timeout(20):
                while (await setup.ask("GET", "/api/orders", credential)).status != 401:
                    await asyncio.sleep(0.01)

        signing = next(key.kid for key in await service.keys.list() if key.state == "active")
        await service.keys.revoke(signing)
        await refused(bearer)
        renewed = await service.refresh(program.refresh_token)
        bearer = f"Authorization: Bearer {renewed.access_token}\r\n".encode()
        assert (await setup.ask("GET", "/api/orders", cookie)).status == 200
        passed_on = (setup.upstream.seen[-1].header("Authorization") or "").removeprefix("Bearer ")
        assert (await verifier_of(service, clock).verify(passed_on)).user_id == USER, (
            "signed with the next key"
        )
        assert (await setup.ask("GET", "/api/orders", bearer)).status == 200

        await service.revoke("logout", session_id=opened.session.id, user_id=USER)
        await refused(cookie)
        assert (await setup.ask("GET", "/api/orders", bearer)).status == 200
        await service.revoke("password_changed", user_id=USER)
        await refused(bearer)
