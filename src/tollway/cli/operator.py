"""`tollway operator`: who runs the platform: a lost password is replaced here, and another operator added."""

import asyncio
import json
import secrets
import sys
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tollway.cli.console import fail, read_settings, say
from tollway.cli.folder_lock import writing
from tollway.fabric.clock import SystemClock
from tollway.fabric.db import DatabaseUnusable, migrate
from tollway.fabric.rpc import call_context
from tollway.kit.errors import Conflict, Problem
from tollway.services.identity.service import Identity
from tollway.settings import Settings
from tollway.supervisor.notes import write_note
from tollway.topology import OPERATOR, backends

Work = Callable[[Identity, str], Awaitable[bool]]


def reset_password(data: Path, config: Path | None, email: str, *, from_stdin: bool) -> None:
    """Give an operator another password; every session and credential of the account ends.

    Exits 1 when there is no such operator or the password is refused, 2 when there is no platform.
    """
    settings = read_settings(data, config).settings
    email = email or settings.operator.email

    async def work(identity: Identity, password: str) -> bool:
        await identity.accounts.reset_operator(email, password)
        return True

    password = _password(from_stdin=from_stdin)
    with _platform(settings):
        _run(settings, work, password, "auth:operator:reset")
        _forget_first(settings, email)
    _show(email, password, from_stdin=from_stdin)


def add(data: Path, config: Path | None, email: str, *, from_stdin: bool) -> None:
    """Make somebody an operator, with a password of their own. Exits as `reset_password` does."""
    settings = read_settings(data, config).settings

    async def work(identity: Identity, password: str) -> bool:
        if await identity.accounts.add_operator(email, password):
            return True
        if (await identity.accounts.get_by_email(email)).state == "suspended":
            raise Conflict(f"{email} is an operator already, and suspended; another operator can restore it")
        return False

    password = _password(from_stdin=from_stdin)
    with _platform(settings):
        added = _run(settings, work, password, "auth:operator:add")
    if not added:
        fail(f"{email} is an operator already; `tollway operator reset-password` gives another password")
    _show(email, password, from_stdin=from_stdin)


def _forget_first(settings: Settings, email: str) -> None:
    """Take the password of the first start out of the file that keeps it: it is an old one now."""
    path = settings.data / "secrets" / "operator.json"
    if path.exists() and json.loads(path.read_text()).get("email", "").casefold() == email.casefold():
        write_note(path, {"email": email, "password": ""})


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdout.isatty():
        fail(
            "this prints a password, and the output is no terminal: run it in one, or give a password with "
            "--password-stdin"
        )
    return secrets.token_urlsafe(12)


def _show(email: str, password: str, *, from_stdin: bool) -> None:
    say(f"operator: {email}")
    if not from_stdin:
        say(f"password: {password}   (it is not shown again; change it after signing in)")


@contextmanager
def _platform(settings: Settings) -> Generator[None]:
    """Have the platform's databases for this command alone."""
    url = settings.database.services.get("identity", settings.database.url)
    if not url and not (settings.data / "services" / "identity.db").exists():
        fail(f"there is no platform in {settings.data}; name another --data", 2)
    with writing(settings):
        yield


def _run(settings: Settings, work: Work, password: str, action: str) -> bool:
    try:
        return asyncio.run(_work(settings, work, password, action))
    except DatabaseUnusable as error:
        fail(str(error), 2)
    except Problem as problem:
        fail(problem.detail)


async def _work(settings: Settings, work: Work, password: str, action: str) -> bool:
    database = backends.open_database(settings, "identity", SystemClock())
    # What is to be done at the neighbours is left as jobs, which the platform runs.
    nobody: Any = None
    identity = Identity(
        database, settings.section("identity"), settings.network.public_url, nobody, nobody, b"unused here"
    )
    await database.start()
    try:
        await migrate(database, backends.service_migrations("identity"))
        with call_context(user_id=OPERATOR, action=action):
            return await work(identity, password)
    finally:
        await identity.stop()
        await database.stop()
