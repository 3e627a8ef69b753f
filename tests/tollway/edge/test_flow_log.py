"""The flow log: one true line for each flow that ended."""

import json
from pathlib import Path

from tests.kit.fake_access import FakeAccess
from tests.kit.quotas import quota_setup
from tollway.edge.terminate_cause import TerminateCause


async def test_a_line_says_who_moved_how_much_and_why_it_ended(tmp_path: Path) -> None:
    access = FakeAccess()
    access.add()
    async with quota_setup(tmp_path, access, flow_log=str(tmp_path / "flows.log")) as here:
        log = here.charging.flow_log
        log.open()
        flow = here.flow()
        flow.count_request("example.com:443")
        flow.spend.count_in(70)
        flow.spend.count_out(30)
        here.charging.end(flow, TerminateCause.QUOTA)
        log.close()
    (line,) = [json.loads(line) for line in (tmp_path / "flows.log").read_text().splitlines()]
    assert line["session_id"] == flow.session_id
    shown = ("event", "protocol", "client", "bytes_in", "bytes_out", "cause", "target")
    assert [line[name] for name in shown] == [
        "flow ended",
        "connect",
        "192.0.2.1:4711",
        70,
        30,
        TerminateCause.QUOTA.label,
        "example.com:443",
    ]


async def test_off_keeps_nothing(tmp_path: Path) -> None:
    access = FakeAccess()
    access.add()
    async with quota_setup(tmp_path, access, flow_log="off") as here:
        here.charging.end(here.flow(), TerminateCause.USER_REQUEST)
        here.charging.flow_log.close()
    assert not (tmp_path / "flows.log").exists()
