"""The cookie of a known browser: whose it is, and until when. What it is good for is told in test_lockout."""

from dataclasses import replace

import pytest

from tollway.services.identity.model import User, account_subject
from tollway.services.identity.service.devices import Devices

KEY = b"a key of the tests for known browsers"
ANN = User("usr_ann", "ann@example.com", "ann@example.com", "", ("customer",), "active", 1, 2, 3, 4)


def known(user: User | None, cookie: str, key: bytes = KEY) -> bool:
    subject = Devices(key).subject(user, ANN.email_key, cookie)
    if subject.startswith("device:"):
        return True
    assert subject == account_subject(ANN.email_key)
    return False


def test_a_cookie_is_good_for_its_account_and_its_password_only() -> None:
    cookie = Devices(KEY).issue(ANN)
    assert known(ANN, cookie)
    assert known(replace(ANN, epoch=9, roles=("admin",)), cookie)
    assert not known(None, cookie)
    assert not known(replace(ANN, id="usr_bob"), cookie)
    assert not known(replace(ANN, password_changed_at_us=9), cookie)
    assert not known(ANN, cookie, b"the key of another installation")


def test_each_browser_counts_for_itself() -> None:
    devices = Devices(KEY)
    subjects = {devices.subject(ANN, ANN.email_key, devices.issue(ANN)) for _ in range(3)}
    assert len(subjects) == 3
    cookie = devices.issue(ANN)
    name = cookie.partition(".")[0]
    assert all(name not in one for one in (devices.subject(ANN, ANN.email_key, cookie),)), (
        "only its hash is kept"
    )


@pytest.mark.parametrize("cookie", ["", ".", "x.y", "é" * 66, "A" * 22 + "." + "A" * 43, "A" * 5000, "\x00"])
def test_what_is_no_cookie_of_ours_counts_as_a_strangers(cookie: str) -> None:
    assert not known(ANN, cookie)
