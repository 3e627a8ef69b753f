"""A whole business behind its gateway in one process of its own, and clients of every temper that talk to it.

    with running_business(tmp_path) as business:
        ann = business.customer()                       # registered, verified, signed in
        business.caller().get("/api/orders").status     # 401
        ann.post("/api/orders/quote", {...})

Every answer that a `Caller` gets is held to the manners of the API (`check_manners`), whatever the test is about. Each
caller comes from a loopback address of its own, so what one does never counts against the limits of another.
"""

import http.client
import itertools
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.kit.eventually import wait_until
from tests.kit.platform import PROGRAM
from tollway.cli.plan import make_plan
from tollway.fabric.rest.export import MEDIA_TYPES
from tollway.settings import load

OPERATOR = {"email": "operator@tollway.example", "password": "an operator of the tests"}
ASSET = "bandwidth.datacenter.standard"
GIGABYTE = 1_000_000_000
LOGIN_QUOTA = 60  # what one address may post to the entrances before it has to wait
DEFAULT_QUOTA = 3_000
QUOTE_TTL_S = 3

# What nobody outside should ever read: the insides of Python, of SQL, of our own folders.
INSIDES = re.compile(
    r"Traceback|\.py\b|File \"|site-packages"
    r"|\b(?:sqlalchemy|sqlite|asyncpg|psycopg|pydantic|starlette|fastapi|grpc)\w*\b"  # ids may have these inside
    r"|SELECT .+ FROM|INSERT INTO|/(?:tmp|home|work|root)/|errors\.pydantic|\b0x[0-9a-f]{8,}|object at ",
    re.IGNORECASE,
)
PROBLEM_MEMBERS = ("type", "title", "status", "detail", "code", "instance", "correlation_id")
PROBLEM = "application/problem+json"
_sources = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. `headers` are in lower case; a name that came twice is joined with a comma."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The stable code of a problem; empty for what is none."""
        return self.json["code"] if self.headers.get("content-type", "") == PROBLEM else ""

    @property
    def fields(self) -> set[str]:
        """The fields that a 422 complains about."""
        return {entry["field"] for entry in self.json.get("errors", ())}


def check_manners(reply: Reply, what: str) -> None:
    """Whatever was asked: no failure of ours, nothing from the inside, and every refusal a whole problem document."""
    text = reply.body.decode("utf-8", "replace")
    # 501 is the client's doing: a method or a coding that nobody knows (RFC 9110, section 9.1).
    assert reply.status < 500 or reply.status == 501, f"{what} answered {reply.status}: {text[:600]}"
    # Pages may show programs; what is compressed may read like anything.
    if reply.headers.get("content-type", "").partition(";")[0] not in {"text/html", MEDIA_TYPES["parquet"]}:
        found = INSIDES.search(text)
        assert found is None, f"{what} shows its insides ({found and found.group()}): {text[:600]}"
    correlation = reply.headers.get("x-correlation-id", "")
    assert correlation, f"{what} has no correlation id"
    assert reply.headers.get("x-content-type-options") == "nosniff", what
    if reply.status < 400:
        return
    assert reply.headers.get("content-type") == PROBLEM, f"{what}: {reply.status} {dict(reply.headers)}"
    if not reply.body:  # HEAD
        return
    problem = reply.json
    missing = [member for member in PROBLEM_MEMBERS if member not in problem]
    assert not missing, f"{what}: the problem lacks {missing}: {text}"
    assert problem["status"] == reply.status, what
    assert problem["type"] == f"/problems/{problem['code']}", what
    assert re.fullmatch(r"[a-z][a-z0-9_]*", problem["code"]), f"{what}: {problem['code']}"
    assert problem["correlation_id"] == correlation, what


class Caller:
    """A client with a connection of its own. It sends what it is told, right or wrong."""

    def __init__(self, address: tuple[str, int], source: str, token: str = "") -> None:
        self.address = address
        self.source = source
        self.token = token
        self._connection = self._connect()

    def get(self, path: str, **headers: str) -> Reply:
        return self.call("GET", path, headers=headers)

    def post(self, path: str, body: Any = None, key: str = "", **headers: str) -> Reply:
        return self.call("POST", path, body, key=key, headers=headers)

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send one request. `body`: bytes as they are, anything else as JSON. Headers may override the usual ones."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent = {} if data is None else {"Content-Type": "application/json"}
        if self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        if key:
            sent["Idempotency-Key"] = key
        for name, value in (headers or {}).items():
            sent[name.replace("_", "-").title()] = value
        try:
            reply = self._send(method, path, data, sent)
        except (ConnectionError, http.client.HTTPException):
            # A kept connection may have been closed meanwhile, as after every refusal that ends one.
            self.close()
            reply = self._send(method, path, data, sent)
        check_manners(reply, f"{method} {path}")
        return reply

    def raw(self, data: bytes) -> Reply:
        """Send bytes on a fresh connection and read one answer."""
        with socket.create_connection(self.address, 10, (self.source, 0)) as sock:
            with suppress(OSError):  # it may have heard enough before it has everything
                sock.sendall(data)
            answer = http.client.HTTPResponse(sock, method=data.split(b" ", 1)[0].decode("latin-1"))
            answer.begin()
            reply = _reply(answer)
        check_manners(reply, repr(data[:80]))
        return reply

    def close(self) -> None:
        self._connection.close()
        self._connection = self._connect()

    def _send(self, method: str, path: str, data: bytes | None, headers: Mapping[str, str]) -> Reply:
        self._connection.request(method, path, data, dict(headers))
        return _reply(self._connection.getresponse())

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(*self.address, timeout=30, source_address=(self.source, 0))


def _reply(answer: http.client.HTTPResponse) -> Reply:
    headers: dict[str, str] = {}
    for name, value in answer.getheaders():
        lowered = name.lower()
        headers[lowered] = f"{headers[lowered]}, {value}" if lowered in headers else value
    return Reply(answer.status, headers, answer.read())


@dataclass
class Customer:
    """Somebody with an account, and a caller that speaks for them."""

    login: dict[str, str]
    caller: Caller
    id: str = ""
    refresh_token: str = ""

    @property
    def email(self) -> str:
        return self.login["email"]

    def pay_in(self, amount: str) -> None:
        """Deposit by test card, and wait until it is credited."""
        body = {"amount": amount, "payment_method": "pm_card_visa"}
        deposit = self.caller.post("/api/wallet/deposit", body, fresh_key()).json
        wait_until(
            lambda: self.caller.get(f"/api/wallet/deposits/{deposit['id']}").json["state"] == "credited"
        )

    def buy(self, quantity: int = GIGABYTE) -> dict[str, Any]:
        body = {"asset": ASSET, "quantity": str(quantity), "currency": "USD"}
        order = self.caller.post("/api/orders", body, fresh_key())
        assert (order.status, order.json["state"]) == (201, "filled")
        return order.json

    def connect(self) -> dict[str, Any]:
        access = self.caller.post("/api/proxy/connect", {"asset": ASSET})
        assert access.status == 201, access.body
        return access.json

    def balance(self, asset: str = "USD") -> str:
        items = self.caller.get("/api/accounts").json["items"]
        return next(
            item["balance"] for item in items if (item["asset"], item["purpose"]) == (asset, "available")
        )


class Business:
    """A running business and where it is."""

    def __init__(self, data: Path, addresses: Mapping[str, str], log: Path) -> None:
        self.data = data
        self.url = addresses["api"]
        self.addresses = addresses
        self._log = log

    def caller(self, token: str = "") -> Caller:
        """Give a client with an address of its own."""
        number = next(_sources)
        parts = urlsplit(self.url)
        assert parts.hostname is not None
        assert parts.port is not None
        return Caller((parts.hostname, parts.port), f"127.66.{number // 250}.{number % 250 + 1}", token)

    def customer(self) -> Customer:
        """Register somebody through the public service APIs, and sign them in."""
        login = {"email": f"c{secrets.token_hex(6)}@example.com", "password": secrets.token_urlsafe(18)}
        made = Customer(login, self.caller())
        assert made.caller.post("/api/auth/register", login).status == 202
        link = wait_until(lambda: self._link_for(made.email))
        token = parse_qs(str(urlsplit(link).fragment))["token"][0]
        assert made.caller.post("/api/auth/email/verify", {"token": token}).status == 204
        tokens = made.caller.post("/api/auth/token", login).json
        made.caller.token, made.refresh_token = tokens["access_token"], tokens["refresh_token"]
        made.id = made.caller.get("/api/auth/me").json["id"]
        return made

    def operator(self) -> Caller:
        """Sign the operator in."""
        caller = self.caller()
        reply = caller.post("/api/auth/token", OPERATOR)
        assert reply.status == 200, reply.body
        caller.token = reply.json["access_token"]
        return caller

    @property
    def log(self) -> str:
        """Everything the process has written so far."""
        return self._log.read_text(errors="replace")

    def _link_for(self, email: str) -> str | None:
        inbox = f"{self.addresses['inbox']}/api/messages?to={email}"
        with urllib.request.urlopen(inbox, timeout=30) as answer:
            messages = json.load(answer)["messages"]
        return next((link for message in messages for link in message["links"]), None)


@contextmanager
def running_business(data: Path, *targets: str, **environment: str) -> Iterator[Business]:
    """Start `tollway serve` with the whole business on free ports, and end it afterwards."""
    targets = targets or ("business", "payments_mock")
    plan = make_plan(load({"data": str(data)}).settings, {}, port_base=0, workers=1, split=False)
    (data / "secrets").mkdir(parents=True)
    (data / "secrets" / "operator.json").write_text(json.dumps(OPERATOR))
    log = data / "business.log"
    wanted = {**os.environ, **plan.environment, **_QUICK, **environment}
    name = "+".join(target for target in targets if target != "payments_mock")
    if "edge" not in targets and "all" not in targets:
        del wanted["TOLLWAY_NETWORK__RPC"]  # nobody asks from another process
    with log.open("w") as out:
        wants = [word for target in targets for word in ("--target", target)]
        command = [*PROGRAM, "serve", *wants, "--data", str(data)]
        process = subprocess.Popen(command, stdout=out, stderr=out, env=wanted, start_new_session=True)
    try:
        _until_ready(process, data / "run" / f"{name}.ready", log)
        yield Business(data, plan.addresses, log)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


# Limits that only a test about limits meets, and passwords that cost little to check.
_QUICK = {
    "TOLLWAY_GATEWAY__LIMITS": json.dumps(
        {
            "default": {"quota": DEFAULT_QUOTA, "window_s": 3},
            "login": {"quota": LOGIN_QUOTA, "window_s": 60, "by": "ip"},
        }
    ),
    "TOLLWAY_GATEWAY__HOSTS": '["a", "x", "tollway.test"]',
    "TOLLWAY_GATEWAY__UNKNOWN_CREDENTIALS": json.dumps({"quota": 10_000, "window_s": 10, "by": "ip"}),
    "TOLLWAY_IDENTITY__HASH_MEMORY_KIB": "1024",
    "TOLLWAY_IDENTITY__TRIES_PER_IP": "1000",
    "TOLLWAY_ORDERS__QUOTE_TTL_S": str(QUOTE_TTL_S),
    "TOLLWAY_LOG__LEVEL": "DEBUG",
}


def _until_ready(process: "subprocess.Popen[bytes]", note: Path, log: Path) -> None:
    deadline = time.monotonic() + 60
    while not note.exists():
        assert process.poll() is None, f"the business ended: {log.read_text()[-2000:]}"
        assert time.monotonic() < deadline, f"the business is not ready: {log.read_text()[-2000:]}"
        time.sleep(0.02)


def fresh_key() -> str:
    """Return an Idempotency-Key that nobody used."""
    return secrets.token_hex(12)
