"""What `tollway up` looks at before it starts anything."""

from pathlib import Path

import pytest

from tests.kit.platform import command
from tollway.cli.authority import Authority
from tollway.cli.plan import make_plan
from tollway.cli.up import Certificates
from tollway.fabric import tls
from tollway.fabric.clock import SystemClock
from tollway.kit.times import DAY_US
from tollway.settings import load


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


@pytest.mark.slow
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


class LongAgo(SystemClock):
    """61 days before now: two thirds of a certificate's life are over."""

    def now_us(self) -> int:
        return super().now_us() - 61 * DAY_US


@pytest.mark.parametrize("split", [False, True])
def test_certificates_are_issued_before_the_start_and_renewed_at_two_thirds_of_their_life(
    tmp_path: Path, split: bool
) -> None:
    loaded = load({"data": str(tmp_path)})
    plan = make_plan(loaded.settings, loaded.origins, 9000, 1, split=split)
    settings = load({"data": str(tmp_path)}, dict(plan.environment)).settings
    certificates = Certificates(plan, settings)
    certificates.renew()
    folder = tmp_path / "certs"
    issued = {path.stem: path.read_bytes() for path in folder.glob("*.pem")}
    assert {"ca", "edge", "ledger" if split else "business"} <= issued.keys()
    certificates.renew()
    assert {path.stem: path.read_bytes() for path in folder.glob("*.pem")} == issued
    Authority(tmp_path / "authority", folder, LongAgo()).issue("edge", [])
    aged = tls.load(folder, "edge")
    certificates.renew()
    renewed = tls.load(folder, "edge")
    assert renewed.not_after_us > aged.not_after_us + 60 * DAY_US
    renewed.check(SystemClock().now_us())


def test_a_machine_with_copied_certificates_issues_none(tmp_path: Path) -> None:
    loaded = load({"data": str(tmp_path)})
    plan = make_plan(loaded.settings, loaded.origins, 9000, 1, split=False)
    certificates = Certificates(plan, loaded.settings)
    certificates.renew()
    (tmp_path / "authority" / "ca.key").unlink()
    (tmp_path / "certs" / "edge.pem").unlink()
    certificates.renew()
    assert not (tmp_path / "certs" / "edge.pem").exists()
