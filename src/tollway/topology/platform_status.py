"""The state of the whole platform as the gateway sees it: requested from every process, shown on one page."""

import asyncio
import contextlib
import errno
import html
import json
import math
import os
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tollway import __version__
from tollway.edge.protocol_spec import listen_addresses
from tollway.edge.protocols import PROTOCOLS
from tollway.fabric.admin import OK
from tollway.kit.tasks import cancel, spawn
from tollway.settings import Settings
from tollway.topology import SERVICES
from tollway.topology.wiring_edge import edge_section

FRESH_S = 1.0
PURPOSES = {"disk": "where everything is stored"}
RESPONSE_TIMEOUT_S = 1.0
SILENT = "does not answer"
# Databases and logs grow while somebody looks for space; below this nothing is promised.
LEAST_FREE_BYTES = 8_000_000
# What the platform writes all the time; each may be a file system of its own.
WRITTEN = ("services", "run", "logs")


class PlatformStatus:
    """Requests the state of its parts from each process that serves REST when somebody wants to know, and keeps it.

    So a platform at which nobody looks does nothing for it, and who looks often is answered from the last second.
    """

    def __init__(
        self,
        settings: Settings,
        addresses: Mapping[str, str],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._addresses = addresses  # service → where it serves REST
        self._states: dict[str, str] = dict.fromkeys(addresses, "not known yet")
        self._edge_states: dict[str, str] = {}
        self._monotonic = monotonic
        self._looked_at_s = self._tried_at_s = -math.inf
        self._unwritable = ""
        self._look: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Look for the first time."""
        await self.refresh()

    async def stop(self) -> None:
        """Stop looking."""
        await cancel(self._look)

    async def refresh(self) -> None:
        """Have states that are at most `FRESH_S` old: everybody who asks meanwhile waits for the same look."""
        if self._monotonic() - self._looked_at_s < FRESH_S:
            return
        if self._look is None or self._look.done():
            self._look = spawn(self._look_at_all(), "status")
        await asyncio.shield(self._look)

    def components(self) -> dict[str, str]:
        """Return each service's state and that of the edges, as of the last look, and the disk's; `ok` is the good one.

        Everybody may read it, so it names no folder; the page does.
        """
        disk = self._disk()
        named = OK if disk == OK else "full" if "free some space" in disk else "not writable"
        return {**self._states, **self._edges(), "disk": named}

    def page(self) -> tuple[int, bytes, bytes]:
        """Draw the page: status, media type, body."""
        states = {**self.components(), "disk": self._disk()}
        good = all(state == OK for state in states.values())
        body = _PAGE.format(
            version=__version__,
            verdict="Everything is up" if good else "Something needs attention",
            tone="good" if good else "bad",
            links="".join(_link(name, address) for name, address in self._links().items()),
            rows="".join(_row(name, state) for name, state in states.items()),
            data=html.escape(str(self._settings.data)),
        )
        return 200, b"text/html; charset=utf-8", body.encode()

    def _disk(self) -> str:
        """Return the disk's state; whether it can be written is tried at most every `FRESH_S`."""
        data, now_s = self._settings.data, self._monotonic()
        if now_s - self._tried_at_s >= FRESH_S:
            self._unwritable, self._tried_at_s = _unwritable(data), now_s
        return _short_of_space(data) or self._unwritable or OK

    def _links(self) -> dict[str, str]:
        settings = self._settings
        public = settings.network.public_url.rstrip("/")
        listening = listen_addresses(edge_section(settings), PROTOCOLS)
        links = {"API": public, "API documentation": f"{public}/api/docs"}
        if settings.mail.backend == "inbox":
            links["Development inbox"] = f"http://{settings.network.inbox}/inbox"
        if settings.environment == "development":
            links["Payment mock"] = f"http://{settings.network.payments_mock}/"
        return {
            **links,
            "Metrics": "/metrics",
            **{f"Metrics of {name}": f"http://{at}/metrics" for name, at in settings.network.admin.items()},
            **{
                spec.title: "{}:{}".format(*listening[spec.name])
                for spec in PROTOCOLS
                if spec.name in listening
            },
        }

    def _edges(self) -> dict[str, str]:
        """Return the state of each edge that runs on this machine or has an admin address."""
        found = dict(self._edge_states)
        for note in (self._settings.data / "run").glob("edge-*.ready"):
            if note.stem not in found:
                found[note.stem] = OK if _is_running(note) else "down"
        # One that `tollway up` holds back has no note.
        found.update(
            (name, state) for name, state in _failed(self._settings.data).items() if name not in SERVICES
        )
        return dict(sorted(found.items()))

    async def _look_at_all(self) -> None:
        addresses = sorted(set(self._addresses.values()))
        edges = {name: at for name, at in self._settings.network.admin.items() if name.startswith("edge-")}
        answers, states = await asyncio.gather(
            asyncio.gather(*map(_states_at, addresses)), asyncio.gather(*map(_health_at, edges.values()))
        )
        parts = dict(zip(addresses, answers, strict=True))
        for service, address in self._addresses.items():
            self._states[service] = _state_of(service, parts[address])
        # An address at which no edge has answered yet, nor runs here, may be meant for a shape that is not this one.
        self._edge_states = {
            name: state
            for name, state in zip(edges, states, strict=True)
            if state != SILENT or name in self._edge_states or self._note(name).exists()
        }
        self._looked_at_s = self._monotonic()

    def _note(self, process: str) -> Path:
        return self._settings.data / "run" / f"{process}.ready"


async def _states_at(address: str) -> dict[str, str] | None:
    try:
        parts: dict[str, str] = (await _get(address, "/readyz"))["parts"]
    except (OSError, ValueError, KeyError):
        return None
    return parts


async def _health_at(address: str) -> str:
    """Return the state of a process as its own health page says it."""
    try:
        components: dict[str, str] = (await _get(address, "/health"))["components"]
    except (OSError, ValueError, KeyError):
        return SILENT
    return "; ".join(state for state in components.values() if state != OK) or OK


async def _get(address: str, path: str) -> Any:
    """Fetch a JSON page. Raises OSError (TimeoutError is one) and ValueError."""
    async with asyncio.timeout(RESPONSE_TIMEOUT_S):
        reader, writer = await _connect(address)
        try:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            answer = await reader.read()
        finally:
            writer.close()
    return json.loads(answer.partition(b"\r\n\r\n")[2])


def _is_running(note: Path) -> bool:
    try:
        os.kill(json.loads(note.read_text())["pid"], 0)
    except (OSError, ValueError, KeyError):
        return False
    return True


async def _connect(address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if address.startswith("unix:"):
        return await asyncio.open_unix_connection(Path(address.removeprefix("unix:")))
    host, _, port = address.rpartition(":")
    return await asyncio.open_connection(host, int(port))


def disk_state(data: Path) -> str:
    """Return `ok`, or why nothing can be stored where the data is, and what to do."""
    return _short_of_space(data) or _unwritable(data) or OK


def _written(data: Path) -> list[Path]:
    return [data, *(folder for name in WRITTEN if (folder := data / name).is_dir())]


def _short_of_space(data: Path) -> str:
    for folder in _written(data):
        free_bytes = shutil.disk_usage(folder).free
        if free_bytes < LEAST_FREE_BYTES:
            short = f"only {free_bytes // 1_000_000} MB are free in {folder}"
            return f"{short}; free some space, nothing can be stored"
    return ""


def _unwritable(data: Path) -> str:
    """Try to write: free bytes say nothing of inodes, quotas, rights, or a file system that is for reading only."""
    for folder in _written(data):
        if reason := _cannot_write(folder):
            return reason
    return ""


def _cannot_write(folder: Path) -> str:
    probe = folder / f".probe-{os.getpid()}"
    try:
        with probe.open("wb", buffering=0) as file:
            file.write(bytes(4096))
        probe.unlink()
    except OSError as error:
        with contextlib.suppress(OSError):
            probe.unlink(missing_ok=True)
        full = error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
        cure = (
            "free some space" if full else "see that this user may write there, and whether the disk is well"
        )
        return f"cannot write to {folder}: {error.strerror}; {cure}, nothing can be stored"
    return ""


def _failed(data: Path) -> dict[str, str]:
    """Return the processes that `tollway up` holds back, by name."""
    try:
        states: dict[str, dict[str, Any]] = json.loads((data / "run" / "processes.json").read_text())
    except (OSError, ValueError):
        return {}
    return {name: "failed" for name, process in states.items() if process["state"] == "failed"}


def _state_of(service: str, parts: dict[str, Any] | None) -> str:
    if parts is None:
        return SILENT
    own = [state for part, state in parts.items() if part.split(".")[0] == service]
    return OK if own and all(state == "ready" for state in own) else "starting"


def _row(name: str, state: str) -> str:
    purpose = SERVICES[name].purpose if name in SERVICES else PURPOSES.get(name, "proxies, meter, relay")
    tone = "good" if state == OK else "bad"
    return f'<tr><td><i class="{tone}"></i>{name}</td><td>{purpose}</td><td>{html.escape(state)}</td></tr>'


def _link(name: str, address: str) -> str:
    shown = html.escape(address)
    inside = (
        f'<a href="{shown}">{shown}</a>' if address.startswith(("http", "/")) else f"<code>{shown}</code>"
    )
    return f"<tr><td>{name}</td><td colspan=2>{inside}</td></tr>"


_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="5">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Tollway status</title><style>
:root {{ --ink:#1b2430; --soft:#5c6b7d; --line:#e3e8ee; --paper:#fff; --ground:#f6f8fa; --good:#1a8f4c; --bad:#c8372d }}
@media (prefers-color-scheme: dark) {{ :root {{ --ink:#e6ebf1; --soft:#93a1b2; --line:#2b3643; --paper:#151c24;
--ground:#0e141a; --good:#3fc07a; --bad:#ff7466 }} }}
body {{ margin:0; font:15px/1.6 system-ui,sans-serif; color:var(--ink); background:var(--ground) }}
main {{ max-width:760px; margin:48px auto; padding:0 20px }} h1 {{ font-size:24px; margin:0 }}
h1 i, td i {{ display:inline-block; width:9px; height:9px; border-radius:9px; margin-right:10px }}
i.good {{ background:var(--good) }} i.bad {{ background:var(--bad) }} p {{ color:var(--soft); margin:4px 0 24px }}
table {{ width:100%; border-collapse:collapse; background:var(--paper); border:1px solid var(--line); margin:0 0 24px;
border-radius:9px; overflow:hidden }} td {{ padding:9px 14px; border-top:1px solid var(--line) }}
tr:first-child td {{ border-top:0 }} td:nth-child(2) {{ color:var(--soft) }} a {{ color:inherit }}
td:first-child {{ white-space:nowrap; font-weight:600 }}</style>
<main><h1><i class="{tone}"></i>{verdict}</h1><p>Tollway {version} · data in {data}</p>
<table>{links}</table><table>{rows}</table></main></html>"""
