"""One edge worker for benchmarks: the real edge on uvloop, with an access service in memory."""

import asyncio
import gc
import json
import signal
import sys
from pathlib import Path

import uvloop

from tests.kit.edges import FREE_PORTS
from tests.kit.fake_access import FakeAccess
from tollway.edge.node import Edge
from tollway.edge.settings import EdgeSettings
from tollway.fabric.clock import SystemClock


async def main(folder: Path) -> None:
    """Serve until SIGTERM; the ports are written to edge.json."""
    access = FakeAccess()
    access.add("bench", "secret", holding=10**18)
    # As `tollway serve` does.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    settings = EdgeSettings.model_validate(
        {"listeners": FREE_PORTS, "allow_ranges": ["127.0.0.0/8"], "flow_log": str(folder / "flows.log")}
    )
    edge = Edge(settings, access.stub(), SystemClock(), "bench", folder)
    await edge.start()
    while not edge.ready:
        await asyncio.sleep(0.01)
    (folder / "edge.part").write_text(json.dumps(edge.ports))
    (folder / "edge.part").rename(folder / "edge.json")
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
    await edge.stop()


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1])))
