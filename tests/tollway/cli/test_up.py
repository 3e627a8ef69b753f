"""What `tollway up` looks at before it starts anything."""

from pathlib import Path

import pytest

from tests.kit.platform import command


def test_ports_that_do_not_exist_are_one_clear_line(tmp_path: Path) -> None:
    ended = command("up", "--data", str(tmp_path), "--port-base", "65500")
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1), ended.stderr
    assert "--port-base" in ended.stderr


WRONG = {
    "TOLLWAY_OPERATOR__EMAIL": "operator@",
    "TOLLWAY_GATEWAY__PORT": "many",
    "TOLLWAY_GATEWAY__HOST": "gateway.invalid",
    "TOLLWAY_EDGE__HOST": "203.0.113.77",
    "TOLLWAY_EDGE__LISTENERS": '{"gopher": {"port": 70}}',
    "TOLLWAY_NETWORK__PUBLIC_URL": "tollway.example",
    "TOLLWAY_NETWORK__INBOX": "8025",
    "TOLLWAY_NETWORK__REDIS": "localhost",
    "TOLLWAY_SECURITY__MASTER_KEY": "secret",
    "TOLLWAY_MAIL__SENDER": "nobody",
    "TOLLWAY_LOG__LEVEL": "LOUD",
    "TOLLWAY_COLOUR": "red",
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_setting_is_one_clear_line_and_nothing_is_kept_of_it(
    name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = tmp_path_factory.mktemp("up") / "data"
    ended = command("up", "--data", str(data), "--port-base", "0", **{name: WRONG[name]})
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1), ended.stderr
    assert name.removeprefix("TOLLWAY_").lower().replace("__", ".").partition(".")[0] in ended.stderr
    assert not (data / "secrets").exists() or not list((data / "secrets").iterdir())


@pytest.mark.parametrize("service", ["", "../ledger", "a b"])
def test_a_certificate_is_for_a_service(tmp_path: Path, service: str) -> None:
    ended = command("certs", "--data", str(tmp_path), "--service", service)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1), ended.stderr
