"""One command starts the business; Ctrl-C ends all of it; what goes wrong is one clear line."""

import json
import os
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.eventually import wait_until
from tests.kit.platform import Platform, children_of, command, gone, platform, serving


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with platform(tmp_path_factory.mktemp("up")) as one:
        yield one


def test_every_service_is_up_and_says_so(running: Platform) -> None:
    address = running.known["api"] + "/health"
    wait_until(
        lambda: running.get(address)[0] == 200
    )  # a busy machine may keep a part from answering at once
    status, body = running.get(address)
    components = json.loads(body)["components"]
    assert (status, set(components.values())) == (200, {"ok"})
    assert {"ledger", "access", "edge-0"} <= set(components)


def test_the_status_page_links_to_everything(running: Platform) -> None:
    status, body = running.get(running.known["status"])
    page = body.decode()
    assert status == 200
    for link in (running.known["docs"], running.known["inbox"], running.known["payments_mock"]):
        assert link in page
        assert running.get(link)[0] == 200


def test_the_edge_shows_its_figures(running: Platform) -> None:
    page = running.get(running.known["status"])[1].decode()
    link = re.findall(r'href="(http://[^"]*/metrics)"', page)[0]
    status, body = running.get(link)
    assert status == 200
    assert 'tollway_edge_quarantined_bytes_total{node="edge-0"} 0.0' in body.decode()


def test_the_api_describes_itself(running: Platform) -> None:
    status, body = running.get(running.known["api"] + "/api/openapi.json")
    assert status == 200
    assert {"/api/orders", "/api/proxy/connect"} <= set(json.loads(body)["paths"])


def test_operator_credentials_are_made_once_and_private(running: Platform) -> None:
    path = Path(running.known["data"]) / "secrets" / "operator.json"
    made = json.loads(path.read_text())
    assert {"email": made["email"]} == running.known["operator"]
    assert path.stat().st_mode & 0o077 == 0
    for file in (Path(running.known["data"]) / "run").glob("*.json"):
        assert made["password"] not in file.read_text(), file


def test_a_killed_process_comes_back(running: Platform) -> None:
    for name in ("edge-0", "business"):
        before = running.pid_of(name)
        os.kill(before, signal.SIGKILL)
        note = Path(running.known["data"]) / "run" / f"{name}.ready"
        wait_until(
            lambda note=note, name=name, before=before: note.exists() and running.pid_of(name) != before
        )
    wait_until(lambda: running.get(running.known["api"] + "/readyz")[0] == 200)


def test_a_second_platform_in_the_same_folder_is_refused(running: Platform) -> None:
    second = command("up", "--data", running.known["data"], "--port-base", "0")
    assert second.returncode == 1
    assert "already running" in second.stderr
    assert second.stderr.count("\n") == 1


@pytest.mark.slow
def test_ctrl_c_leaves_no_process_and_a_second_start_keeps_the_data(tmp_path: Path) -> None:
    with platform(tmp_path) as first:
        processes = children_of(first.process.pid)
        operator = (tmp_path / "secrets" / "operator.json").read_text()
        assert first.stop(signal.SIGINT) == 0
        assert gone(processes)
    with platform(tmp_path) as second:
        assert second.known["operator"]["email"] in operator
        assert (tmp_path / "secrets" / "operator.json").read_text() == operator


@pytest.mark.slow
def test_children_do_not_outlive_a_killed_supervisor(tmp_path: Path) -> None:
    with platform(tmp_path) as one:
        processes = children_of(one.process.pid)
        one.process.kill()
        assert gone(processes, 30)


def test_a_taken_port_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        base = taken.getsockname()[1]
        ended = command("up", "--data", str(tmp_path), "--port-base", str(base))
    assert ended.returncode == 1
    assert f"port {base} (api) is taken" in ended.stderr
    assert "--port-base" in ended.stderr


def test_a_wrong_setting_is_one_clear_line(tmp_path: Path) -> None:
    ended = command("up", "--data", str(tmp_path), TOLLWAY_GATEWAY__PORT="many")
    assert ended.returncode == 2
    assert ended.stderr.startswith("tollway: gateway.port (from environment)")


def test_a_folder_that_cannot_be_used_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ended = command("up", "--data", str(tmp_path / "file" / "data"), "--port-base", "0")
    assert ended.returncode == 1
    assert "choose another folder with --data" in ended.stderr


def test_an_unknown_target_names_the_cure(tmp_path: Path) -> None:
    ended = command("serve", "--target", "cellar", "--data", str(tmp_path))
    assert (ended.returncode, "tollway targets" in ended.stderr) == (2, True)


@pytest.mark.slow
def test_a_service_alone_runs_and_waits_for_its_neighbours(tmp_path: Path) -> None:
    with serving(tmp_path, "ledger") as process:
        wait_until((tmp_path / "run" / "ledger.ready").exists)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [[], ["up"], ["serve"], ["demo"], ["verify"], ["export"], ["config"]])
def test_every_command_explains_itself(arguments: list[str]) -> None:
    helped = command(*arguments, "--help")
    assert helped.returncode == 0
    assert "tollway" in helped.stdout


def test_config_shows_origins_and_hides_secrets(tmp_path: Path) -> None:
    shown = command("config", "--data", str(tmp_path), TOLLWAY_MAIL__PASSWORD="hunter2")
    assert "hunter2" not in shown.stdout
    assert "mail.password\t********\tenvironment" in shown.stdout


def test_targets_prints_the_map() -> None:
    printed = command("targets").stdout
    assert "orders\tquotes and orders\tcatalog ledger" in printed
