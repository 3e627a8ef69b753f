"""What `tollway up` hands to the supervisor arrives whole, and nowhere else."""

import os
from pathlib import Path

from tollway.supervisor.config import ChildProcess, SupervisorConfig

CONFIG = SupervisorConfig(
    data=Path("/srv/tollway"),
    processes=(
        ChildProcess("business", ("-m", "tollway", "serve"), {"TOLLWAY_DATA": "/srv/tollway"}, 2),
        ChildProcess("edge-0", ("-m", "tollway", "serve", "--target", "edge"), {}, 0),
    ),
    known={"api": "http://127.0.0.1:8000", "operator": {"email": "op@example.com"}},
    ready_lines=("  API  http://127.0.0.1:8000", "  operator  ü"),
    renewal=ChildProcess("certs", ("-m", "tollway", "certs"), {}, 0),
    as_json=False,
    began_s=12.5,
)


def test_what_is_written_is_read() -> None:
    descriptor = CONFIG.to_file()
    assert SupervisorConfig.from_file(descriptor) == CONFIG


def test_it_is_in_no_folder() -> None:
    descriptor = CONFIG.to_file()
    try:
        assert os.readlink(f"/proc/self/fd/{descriptor}").startswith("/memfd:")
    finally:
        os.close(descriptor)
