"""Connection tests: the node as a client of its own HTTP proxy, step by step, as a customer's client would go.

    resolve   the name that customers get for the proxy
    connect   to the listener
    login     with a credential that the access service made for this test
    target    the test's target, through the exit
    exit      the target's answer says which address it was asked from

CONNECT answers login and target together, so the login has no duration of its own. The target is the operator's
(`edge.test_url`) or the node's own; nobody who asks for a test can name one.
"""

import asyncio
import logging
import re
from base64 import b64encode
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from ipaddress import ip_address
from time import monotonic
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

from tollway.contracts.access_pb2 import ConnectionTest, StepResult
from tollway.edge import own_target, refusal
from tollway.edge.access_client import AccessClient
from tollway.edge.exits.services import addresses_of
from tollway.edge.gate import Gate
from tollway.edge.listener import Listener
from tollway.edge.reactor import Reactor
from tollway.kit.errors import Problem
from tollway.kit.tasks import cancel, spawn

AT_ONCE = 4
STEP_LIMIT_S = 6.0  # all of them together end before the credential does
NAME_UNKNOWN = "NAME_UNKNOWN"
NOT_REACHED = "NOT_REACHED"
TIMEOUT = "TIMEOUT"
NOT_UNDERSTOOD = "NOT_UNDERSTOOD"
BAD_STATUS = "BAD_STATUS"
NO_ADDRESS = "NO_ADDRESS"
NODE_ANSWERED = "NODE_ANSWERED"
_BODY_BYTES = 4_096
_ADDRESS = re.compile(r"[0-9A-Fa-f:.]{3,45}")
_REFUSAL = re.compile(rb'^proxy-status:.*details="([A-Z_]+)"', re.I | re.M)
# What the proxy refuses before it looks at a target.
_OF_LOGIN = {
    each.code
    for each in (
        refusal.NO_CREDENTIALS,
        refusal.BAD_CREDENTIALS,
        refusal.BAD_USERNAME,
        refusal.NO_ALLOWANCE,
        refusal.INACTIVE,
        refusal.TOO_MANY_FLOWS,
        refusal.UNAVAILABLE,
        refusal.OVERLOADED,
        refusal.WRONG_UNIT,
        refusal.OUTSIDE_SCHEDULE,
    )
}
_Found = TypeVar("_Found")
_log = logging.getLogger(__name__)


class StepFailed(Exception):
    """A step went wrong: a code and a sentence."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code)
        self.code, self.detail = code, detail


class TargetUrl(NamedTuple):
    """What a test asks the proxy for."""

    authority: str
    path: str
    own: bool


class ProxyAnswer(NamedTuple):
    """An answer's status, the code of a refusal by the proxy (empty: it is the target's), and the first of its body."""

    status: int
    refused: str
    body: str


def target_url(url: str) -> TargetUrl:
    """Return the operator's target, or the node's own when the operator names none."""
    if not url:
        return TargetUrl(f"{own_target.HOST}:{own_target.PORT}", "/", own=True)
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return TargetUrl(f"{host}:{parts.port or 80}", path, own=False)


class ConnectionTester:
    """Carries out the tests that are asked of this node, a few at a time."""

    def __init__(
        self,
        reactor: Reactor,
        access: AccessClient,
        listener: Listener,
        url: str,
        is_balancer: Callable[[str], bool],
    ) -> None:
        """`is_balancer`: whether a client at an address must begin with a PROXY header."""
        self._access, self._listener, self._is_balancer = access, listener, is_balancer
        self._target, self._own = target_url(url), own_target.OwnTarget(reactor)
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self.host = ""
        """The name or address that customers get for the proxy."""

    def start(self, gate: Gate) -> None:
        """Offer the node's own target. Raises ListenError."""
        self._own.start(gate)

    def request(self, test_id: str) -> None:
        """Carry out a test as soon as it is its turn."""
        task = spawn(self._run(test_id), f"connection test {test_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Give up what goes on; the access service ends it by itself."""
        for task in tuple(self._tasks):
            await cancel(task)
        self._own.stop()

    async def _run(self, test_id: str) -> None:
        async with self._turns:
            try:
                login = await self._access.begin_test(test_id)
                await self._report(test_id, login)
            except Problem as problem:
                _log.info("connection test %s: %s", test_id, problem)

    async def _report(self, test_id: str, login: ConnectionTest) -> None:
        steps: list[StepResult] = []
        async with aclosing(self._steps(login)) as found:
            async for step in found:
                steps.append(step)
                if step.ok and step.name != "exit":
                    await self._access.report_test(test_id, steps, finished=False)
        await self._access.report_test(test_id, steps, finished=True)

    async def _steps(self, login: ConnectionTest) -> AsyncGenerator[StepResult]:
        """Yield each step as it is taken; a failed one is the last."""
        step, addresses = await _take("resolve", self._resolve())
        if addresses is not None:
            step.detail = ", ".join(addresses)
        yield step
        if addresses is None:
            return
        step, streams = await _take("connect", self._listener.connect())
        if streams is None:
            yield step
            return
        reader, writer = streams
        try:
            here, port, *_ = writer.get_extra_info("peername")
            step.detail = f"{here}:{port}"
            yield step
            if self._is_balancer(":".join(map(str, writer.get_extra_info("sockname")[:2]))):
                writer.write(b"PROXY UNKNOWN\r\n")
            through = self._tunnel if login.connect else self._request
            async for step in through(reader, writer, _authorization(login)):
                yield step
        finally:
            writer.close()

    async def _resolve(self) -> list[str]:
        try:
            return await addresses_of(self.host)
        except (OSError, UnicodeError) as error:
            raise StepFailed(NAME_UNKNOWN, f"{self.host} cannot be resolved") from error

    async def _tunnel(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, authorization: str
    ) -> AsyncGenerator[StepResult]:
        authority, path, _ = self._target
        head = f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nProxy-Authorization: {authorization}\r\n\r\n"
        step, answer = await _take("target", _ask(reader, writer, head, whole=False))
        for each in self._judged(step, answer):
            yield each
            if not each.ok:
                return
        head = f"GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n"
        step, answer = await _take("exit", _ask(reader, writer, head, whole=True))
        yield self._exit(step, answer)

    async def _request(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, authorization: str
    ) -> AsyncGenerator[StepResult]:
        authority, path, _ = self._target
        head = (
            f"GET http://{authority}{path} HTTP/1.1\r\nHost: {authority}\r\n"
            f"Proxy-Authorization: {authorization}\r\nConnection: close\r\n\r\n"
        )
        step, answer = await _take("target", _ask(reader, writer, head, whole=True))
        last = StepResult(name="exit", ok=True)
        if step.ok and answer is not None and not answer.refused:
            last.duration_us = step.duration_us
            step.ClearField("duration_us")
        for each in self._judged(step, answer):
            yield each
            if not each.ok:
                return
        yield self._exit(last, answer)

    def _judged(self, step: StepResult, answer: ProxyAnswer | None) -> list[StepResult]:
        """Return the steps of login and target, as their common answer says."""
        step.detail = step.detail or self._target.authority
        if answer is not None and answer.refused:
            step.ok, step.code = False, answer.refused
            step.detail = refusal.REFUSALS[answer.refused].detail
        if not step.ok and step.code in _OF_LOGIN:
            step.name = "login"
            return [step]
        return [StepResult(name="login", ok=True), step]

    def _exit(self, step: StepResult, answer: ProxyAnswer | None) -> StepResult:
        if answer is None:
            return step
        found = next(filter(_is_address, _ADDRESS.findall(answer.body)), "")
        step.detail = found or f"the answer of {self._target.authority} has no address in it"
        step.code = NODE_ANSWERED if self._target.own else ""
        if answer.status >= 300:
            step.ok, step.code = False, BAD_STATUS
            step.detail = f"{self._target.authority} answered {answer.status}"
        elif not found:
            step.ok, step.code = False, NO_ADDRESS
        return step


async def _take(name: str, doing: Awaitable[_Found]) -> tuple[StepResult, _Found | None]:
    """Take a step and say how long it took; what went wrong stands in the step."""
    began = monotonic()
    code = detail = ""
    result: _Found | None = None
    try:
        async with asyncio.timeout(STEP_LIMIT_S):
            result = await doing
    except TimeoutError:
        code, detail = TIMEOUT, f"no answer within {STEP_LIMIT_S:.0f} seconds"
    except StepFailed as failed:
        code, detail = failed.code, failed.detail
    except (OSError, EOFError) as error:
        code, detail = NOT_REACHED, str(error) or "the connection was closed"
    took_us = int((monotonic() - began) * 1_000_000)
    return StepResult(name=name, ok=not code, duration_us=took_us, detail=detail, code=code), result


async def _ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str, *, whole: bool
) -> ProxyAnswer:
    """Send a request and read the answer; of its body the first, when the `whole` of it is meant for us."""
    writer.write(head.encode())
    await writer.drain()
    try:
        answered = await reader.readuntil(b"\r\n\r\n")
        version, status, *_ = answered.split(b" ", 2)
        number = int(status)
    except (ValueError, asyncio.LimitOverrunError) as error:
        raise StepFailed(NOT_UNDERSTOOD, "the answer cannot be read") from error
    if not version.startswith(b"HTTP/1."):
        raise StepFailed(NOT_UNDERSTOOD, "the answer is not HTTP")
    refused = _REFUSAL.search(answered)
    code = refused[1].decode() if refused else ""
    if code not in refusal.REFUSALS:
        code = ""
    body = b""
    while whole and len(body) < _BODY_BYTES and (piece := await reader.read(_BODY_BYTES)):
        body += piece
    if not whole and not code and not 200 <= number < 300:
        raise StepFailed(NOT_UNDERSTOOD, f"CONNECT was answered {number}")
    return ProxyAnswer(number, code, body.decode("latin-1"))


def _authorization(login: ConnectionTest) -> str:
    return "Basic " + b64encode(f"{login.username}:{login.secret}".encode()).decode()


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
