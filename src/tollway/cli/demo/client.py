"""The demo's way to talk to the platform: plain HTTP and JSON as any customer's program would."""

import asyncio
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


class Untrue(Exception):
    """A step of the story is not true; the text says what was expected and what was found."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer."""

    status: int
    body: bytes
    retry_after_s: int = 0

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


class Api:
    """A customer's program: sends JSON, carries its access token."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self.token = ""

    async def get(self, path: str, *, status: int = 200) -> Any:
        """GET; the step fails unless the status is as expected."""
        return self._expect(await self.call("GET", path), f"GET {path}", status)

    async def post(self, path: str, body: Any, *, key: str = "", status: int = 200) -> Any:
        """POST; the step fails unless the status is as expected."""
        return self._expect(await self.call("POST", path, body, key), f"POST {path}", status)

    async def call(self, method: str, path: str, body: Any = None, key: str = "") -> Reply:
        """Send one request and return whatever comes back."""
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if key:
            headers["Idempotency-Key"] = key
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._base_url + path, data, headers, method=method)  # noqa: S310
        reply = await asyncio.to_thread(_send, request)
        while reply.status == 429 and reply.retry_after_s:
            # A polite program waits as long as the answer asks.
            await asyncio.sleep(reply.retry_after_s)
            reply = await asyncio.to_thread(_send, request)
        return reply

    @staticmethod
    def _expect(reply: Reply, what: str, status: int) -> Any:
        if reply.status != status:
            raise Untrue(
                f"{what} answered {reply.status} instead of {status}: {reply.body[:500].decode(errors='replace')}"
            )
        return reply.json if reply.body else None


def _send(request: urllib.request.Request) -> Reply:
    # The customer's own proxy settings must not come between the demo and the platform.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=30) as answer:
            return Reply(answer.status, answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Reply(error.code, error.read(), int(error.headers.get("Retry-After") or 0))
    except OSError as error:
        raise Untrue(f"{request.full_url} does not answer: {error}") from error


def check(truth: bool, sentence: str) -> None:
    """Fail the step unless it is true."""
    if not truth:
        raise Untrue(sentence)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What curl did: its exit code, the HTTP status (000: none), and what it wrote to its output."""

    code: int
    status: int
    output: bytes


class Curl:
    """The real curl, through the counting relay."""

    def __init__(self, program: str, username: str, password: str) -> None:
        self._program = program
        self._begun: list[asyncio.subprocess.Process] = []
        self.userinfo = f"{urllib.parse.quote(username)}:{urllib.parse.quote(password)}"

    async def get(self, proxy: str, url: str, *more: str) -> Fetched:
        """Fetch a URL through `proxy`, e.g. `http://…:3128` or `socks5h://…`."""
        process = await self.begin(proxy, url, *more)
        output, said = await process.communicate()
        # The answer's status, or, when there was none, the proxy's own to CONNECT.
        status, connect = (int(word) for word in said.split()[-2:])
        return Fetched(process.returncode or 0, status or connect, output)

    async def begin(self, proxy: str, url: str, *more: str) -> asyncio.subprocess.Process:
        """Start a transfer and return its process."""
        scheme, _, address = proxy.partition("://")
        arguments: Sequence[str] = (
            *("--silent", "--max-time", "120", "--proxy", f"{scheme}://{self.userinfo}@{address}"),
            *("--write-out", "%{stderr}%{http_code} %{http_connect}", *more, url),
        )
        process = await asyncio.create_subprocess_exec(
            self._program,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            # The surroundings may name proxies of their own.
            env={"PATH": "/usr/bin:/bin", "NO_PROXY": ""},
        )
        self._begun = [one for one in self._begun if one.returncode is None]
        self._begun.append(process)
        return process

    async def stop(self) -> None:
        """End the transfers that still run."""
        for process in self._begun:
            if process.returncode is None:
                process.kill()
                await process.wait()
