"""`tollway operator`: a lost password is replaced, and another operator added, without the old password."""

import asyncio
import json
import os
import pty
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.kit.platform import PROGRAM, command
from tests.kit.typing import settings_of
from tollway.fabric.clock import SystemClock
from tollway.fabric.db import Database, migrate, tables
from tollway.fabric.db.sqlite import SqliteDatabase
from tollway.services.identity.service import Identity
from tollway.services.identity.settings import IdentitySettings
from tollway.settings import load
from tollway.topology import backends

EMAIL, FIRST = "operator@tollway.example", "the very first password"
QUICK = {"TOLLWAY_IDENTITY__HASH_MEMORY_KIB": "64"}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A platform that was started once and is stopped."""
    for name in ("services", "run", "secrets"):
        (tmp_path / name).mkdir()
    (tmp_path / "secrets" / "operator.json").write_text(json.dumps({"email": EMAIL, "password": FIRST}))

    async def work(identity: Identity) -> None:
        await identity.accounts.ensure_operator(EMAIL, FIRST)
        await identity.signup.register("ann@example.com", "ann's own long words")

    asyncio.run(_with_identity(tmp_path, work))
    return tmp_path


async def _with_identity(folder: Path, work: Any) -> Any:
    database = Database(SqliteDatabase(folder / "services" / "identity.db", "NORMAL"), SystemClock())
    await database.start()
    await migrate(database, backends.service_migrations("identity"))
    nobody: Any = None
    settings = settings_of(IdentitySettings, hash_memory_kib=64)
    identity = Identity(database, settings, "http://127.0.0.1", nobody, nobody, b"a key of the tests")
    try:
        return await work(identity)
    finally:
        await identity.stop()
        await database.stop()


def fits(folder: Path, email: str, password: str) -> bool:
    async def work(identity: Identity) -> bool:
        user = await identity.accounts.get_by_email(email)
        return (await identity.passwords.verify(password, user.password_hash))[0] and "admin" in user.roles

    return asyncio.run(_with_identity(folder, work))


def published(folder: Path) -> list[tuple[str, str, str]]:
    async def work(identity: Identity) -> list[tuple[str, str, str]]:
        async with identity.db.snapshot() as tx:
            rows = await tx.all(tables.outbox.select().order_by(tables.outbox.c.position))
        return [(row.type, row.actor, row.action) for row in rows]

    return asyncio.run(_with_identity(folder, work))


def run(folder: Path, *words: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    command_line = [*PROGRAM, "operator", *words, "--data", str(folder), "--password-stdin"]
    env = {**os.environ, **QUICK}
    return subprocess.run(command_line, input=stdin, capture_output=True, text=True, timeout=60, env=env)


def test_a_lost_password_is_replaced_and_what_relied_on_it_ends(data: Path) -> None:
    done = run(data, "reset-password", stdin="another long password\n")
    assert (done.returncode, done.stdout) == (0, f"operator: {EMAIL}\n"), done.stderr
    assert fits(data, EMAIL, "another long password")
    assert not fits(data, EMAIL, FIRST)
    assert ("PASSWORD_CHANGED", "operator", "auth:operator:reset") in published(data)
    assert FIRST not in (data / "secrets" / "operator.json").read_text(), "no start prints the old one"


def test_an_operator_who_is_suspended_is_not_added_without_a_word(data: Path) -> None:
    async def suspend(identity: Identity) -> None:
        operator = await identity.accounts.get_by_email(EMAIL)
        await identity.accounts.set_state(operator.id, "suspended", "left", "operator")

    asyncio.run(_with_identity(data, suspend))
    done = run(data, "add", EMAIL, stdin="another long password\n")
    assert done.returncode == 1
    assert "suspended; another operator can restore it" in done.stderr


@pytest.mark.slow
def test_a_second_operator_is_added_and_takes_an_account_over(data: Path) -> None:
    for email in ("second@example.com", "ann@example.com"):
        assert run(data, "add", email, stdin="another long password\n").returncode == 0
        assert fits(data, email, "another long password")
        again = run(data, "add", email, stdin="yet another password\n")
        assert (again.returncode, "is an operator already" in again.stderr) == (1, True)
        assert fits(data, email, "another long password")
    assert ("USER_ROLES_CHANGED", "operator", "auth:operator:add") in published(data)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "stdin", "reason"),
    [
        (("reset-password",), "short\n", "at least 10"),
        (("reset-password",), "", "at least 10"),
        (
            ("reset-password", "--email", "ann@example.com"),
            "another long password\n",
            "no operator's address",
        ),
        (("reset-password", "--email", "nobody@example.com"), "another long password\n", "no such account"),
        (("add", "nonsense"), "another long password\n", "email"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(
    data: Path, words: tuple[str, ...], stdin: str, reason: str
) -> None:
    done = run(data, *words, stdin=stdin)
    assert (done.returncode, done.stdout) == (1, "")
    assert reason in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert fits(data, EMAIL, FIRST)


def test_a_missing_platform_is_named(tmp_path: Path) -> None:
    done = run(tmp_path / "elsewhere", "reset-password", stdin="another long password\n")
    assert (done.returncode, "there is no platform" in done.stderr) == (2, True)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.slow
def test_a_password_is_printed_in_a_terminal_only(data: Path) -> None:
    piped = command("operator", "reset-password", "--data", str(data), **QUICK)
    assert (piped.returncode, piped.stdout) == (1, "")
    assert "no terminal" in piped.stderr
    assert fits(data, EMAIL, FIRST)

    ours, theirs = pty.openpty()
    words = [*PROGRAM, "operator", "reset-password", "--data", str(data)]
    shown = subprocess.run(words, stdout=theirs, env={**os.environ, **QUICK}, timeout=60, check=True)
    os.close(theirs)
    text = os.read(ours, 4096).decode()
    os.close(ours)
    assert shown.returncode == 0
    password = text.partition("password: ")[2].split()[0]
    assert fits(data, EMAIL, password)


def test_the_default_address_is_the_first_operators() -> None:
    assert load({}).settings.operator.email == EMAIL
