"""The supervisor has certificates renewed, and says so when that fails."""

import sys

import pytest

from tollway.supervisor.__main__ import renew
from tollway.supervisor.config import ChildProcess

FAILS = "import sys; print('a line'); sys.exit('tollway: the authority is damaged')"


async def test_a_renewal_that_fails_is_reported_with_its_last_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    await renew(ChildProcess("certs", ("-c", FAILS), {}, 0))
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "tollway: certificates are not renewed: the authority is damaged\n")


async def test_a_renewal_that_works_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    await renew(ChildProcess("certs", ("-c", "print('done')"), {}, 0))
    assert capsys.readouterr() == ("", "")


async def test_a_renewal_that_cannot_be_launched_is_reported(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    await renew(ChildProcess("certs", ("-c", ""), {}, 0))
    assert "certificates are not renewed" in capsys.readouterr().err
