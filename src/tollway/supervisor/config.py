"""What the supervisor keeps running, as `tollway up` has worked it out."""

import json
import os
import signal
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# What asks the platform to stop.
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class ChildProcess:
    """A process to keep running: what follows the interpreter, and what its environment has besides this one's.

    Those with a lower `stops` end first.
    """

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    stops: int


@dataclass(frozen=True, slots=True)
class SupervisorConfig:
    """The processes, what is written down of the platform, and what is said when it is ready.

    `ready_lines` are printed below the line with the seconds since `began_s` of the monotonic clock; with `as_json`,
    `known` is printed instead. `renewal` renews the certificates; None when they come from elsewhere.
    """

    data: Path
    processes: tuple[ChildProcess, ...]
    known: Mapping[str, Any]
    ready_lines: tuple[str, ...]
    renewal: ChildProcess | None
    as_json: bool
    began_s: float

    def to_file(self) -> int:
        """Write it where only this process and what it becomes can read it; return the descriptor."""
        descriptor = os.memfd_create("tollway-supervisor", 0)
        with os.fdopen(descriptor, "w", closefd=False) as file:
            json.dump({**asdict(self), "data": str(self.data)}, file)
        os.lseek(descriptor, 0, os.SEEK_SET)
        return descriptor

    @classmethod
    def from_file(cls, descriptor: int) -> "SupervisorConfig":
        """Read what `to_file` wrote, and close it."""
        with os.fdopen(descriptor) as file:
            found = json.load(file)
        renewal = found["renewal"]
        return cls(
            data=Path(found["data"]),
            processes=tuple(_process(one) for one in found["processes"]),
            known=found["known"],
            ready_lines=tuple(found["ready_lines"]),
            renewal=_process(renewal) if renewal else None,
            as_json=found["as_json"],
            began_s=found["began_s"],
        )


def _process(found: Mapping[str, Any]) -> ChildProcess:
    return ChildProcess(found["name"], tuple(found["arguments"]), found["environment"], found["stops"])
