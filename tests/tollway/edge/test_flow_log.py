"""The flow log: one true line for each flow that ended."""

import json
from pathlib import Path

from tests.kit.allowances import bench
from tests.kit.fake_access import FakeAccess
from tollway.edge.cause import Cause


async def test_a_line_says_who_moved_how_much_and_why_it_ended(tmp_path: Path) -> None:
    access = FakeAccess()
    access.add()
    async with bench(tmp_path, access, flow_log=str(tmp_path / "flows.log")) as here:
        log = here.allowances.flow_log
        log.open()
        flow = here.flow()
        flow.slot.target = "example.com:443"
        flow.heard(70)
        flow.said(30)
        here.allowances.end(flow, Cause.QUOTA)
        log.close()
    (line,) = [json.loads(line) for line in (tmp_path / "flows.log").read_text().splitlines()]
    assert line["session_id"] == flow.session_id
    told = ("event", "protocol", "client", "bytes_in", "bytes_out", "cause", "target")
    assert [line[name] for name in told] == [
        "flow ended",
        "connect",
        "192.0.2.1:4711",
        70,
        30,
        Cause.QUOTA.label,
        "example.com:443",
    ]


async def test_off_keeps_nothing(tmp_path: Path) -> None:
    access = FakeAccess()
    access.add()
    async with bench(tmp_path, access, flow_log="off") as here:
        here.allowances.end(here.flow(), Cause.USER_REQUEST)
        here.allowances.flow_log.close()
    assert not (tmp_path / "flows.log").exists()
