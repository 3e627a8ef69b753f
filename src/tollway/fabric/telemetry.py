"""What is known about the work in hand (correlation id, trace), and how it reaches logs and metrics.

The two context variables are set by whoever starts a piece of work (a service API, a REST request, a job, a consumed
event) and travel with it through every hop, into every log line and every published event.
"""

import logging
import sys
from contextvars import ContextVar
from typing import TextIO

import structlog
from structlog.types import EventDict, Processor

correlation_id: ContextVar[str] = ContextVar("correlation_id", default="")
traceparent: ContextVar[str] = ContextVar("traceparent", default="")


def configure_logging(level: str = "INFO", *, as_json: bool = True, stream: TextIO | None = None) -> None:
    """Send every log line, ours and the libraries', through one renderer: JSON, or text for a person."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        _add_correlation,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=False)
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("alembic", "aiosqlite", "asyncio", "stripe", "httpcore", "httpx", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _add_correlation(_logger: object, _method: str, line: EventDict) -> EventDict:
    if known := correlation_id.get():
        line["correlation_id"] = known
    if parent := traceparent.get():
        # version-traceid-spanid-flags (W3C Trace Context)
        line["trace_id"] = parent.split("-")[1] if parent.count("-") == 3 else parent
    return line
