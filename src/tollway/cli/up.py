"""`tollway up`: the whole business on this machine."""

import asyncio
import errno
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tollway.cli import first_start
from tollway.cli.certs import make_authority
from tollway.cli.console import end_with_parent, fail, read_settings, say
from tollway.cli.plan import Plan, make_plan
from tollway.cli.running import PLATFORM_NOTE
from tollway.cli.supervisor import StartRefused, Supervisor, write_note
from tollway.edge.listener import ListenError
from tollway.edge.protocol_spec import listen_addresses
from tollway.edge.protocols import PROTOCOLS
from tollway.fabric.tls import CertificateUnusable
from tollway.gateway.route.console import console_is_built
from tollway.kit.tasks import cancel, spawn
from tollway.settings import Loaded, Settings, warnings
from tollway.topology import members
from tollway.topology.certificates import certificates_of

MAX_PORT = 65_535
# How often certificates are looked at; they are renewed weeks before their end.
RENEWAL_CHECK_S = 3600.0


def run(data: Path, config: Path | None, port_base: int, workers: int, *, split: bool, as_json: bool) -> None:
    """Start, print where everything is, and stay until Ctrl-C. Exits 1 with one line when it cannot.

    Everything that can be checked is checked before anything lasting is written.
    """
    end_with_parent()
    loaded = read_settings(data, config)
    plan = make_plan(loaded.settings, loaded.origins, port_base, workers, split=split)
    _check_protocols(loaded.settings)
    first_start.check_folder(loaded.settings.data)
    with first_start.alone(loaded.settings.data):
        check_listeners(plan)
        first_start.check_key(loaded)
        first = first_start.is_first(loaded.settings.data)
        operator = first_start.operator(loaded)
        running = read_settings(data, config, environment=plan.environment).settings
        certificates = Certificates(plan, running)
        try:
            certificates.renew()
            up = _Run(plan, config, loaded, operator, certificates, as_json=as_json, first=first)
            asyncio.run(up.until_stopped())
        except (StartRefused, CertificateUnusable) as error:
            fail(str(error))
        except OSError as error:
            fail(f"cannot start: {error}")


class Certificates:
    """The certificates of all processes of the plan, issued before they start and renewed while they run."""

    def __init__(self, plan: Plan, settings: Settings) -> None:
        self._authority = make_authority(settings)
        self._wanted: dict[str, tuple[str, ...]] = {}
        for child in plan.children:
            for name, hosts in certificates_of(settings, members(child.targets)).items():
                self._wanted[name] = (*self._wanted.get(name, ()), *hosts)

    def renew(self) -> None:
        """Issue what is missing or two thirds through its life. Raises CertificateUnusable, OSError.

        On a machine without the authority's key the certificates come from elsewhere, and each process checks its own.
        """
        if self._authority.is_here:
            for name, hosts in self._wanted.items():
                self._authority.ensure(name, hosts)


class _Run:
    """One run of the platform, from the start to Ctrl-C."""

    def __init__(
        self,
        plan: Plan,
        config: Path | None,
        loaded: Loaded,
        operator: dict[str, str],
        certificates: Certificates,
        *,
        as_json: bool,
        first: bool,
    ) -> None:
        self._plan, self._loaded, self._operator = plan, loaded, operator
        self._first = first
        self._certificates, self._as_json = certificates, as_json
        self._stopping = asyncio.Event()
        self._supervisor = Supervisor(plan, config, self._report)

    async def until_stopped(self) -> None:
        """Start, announce, and wait until the end is wanted. Raises StartRefused."""
        began = time.monotonic()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self._stopping.set)
        note = self._plan.data / "run" / PLATFORM_NOTE
        stopped = spawn(self._stopping.wait(), "stopped")
        renewing = spawn(self._keep_renewing(), "renewing")
        try:
            if not self._as_json:
                say(f"starting {len(self._plan.children)} processes in {self._plan.data} …")
            starting = asyncio.ensure_future(self._supervisor.start())
            await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                await cancel(starting)
                return
            await starting
            known = self._known()
            write_note(note, known)
            password = self._operator["password"] if self._first else ""
            announce(
                known, self._loaded, time.monotonic() - began, as_json=self._as_json, first_password=password
            )
            await stopped
        finally:
            await cancel(stopped)
            await cancel(renewing)
            if not self._as_json:
                say("stopping …")
            note.unlink(missing_ok=True)
            await self._supervisor.stop()

    def _known(self) -> dict[str, Any]:
        return {
            **self._plan.addresses,
            "data": str(self._plan.data),
            "noted_heads": self._loaded.settings.security.heads_folder,
            "operator": {"email": self._operator["email"]},
            "pid": os.getpid(),
            "split": self._plan.split,
            "environment": dict(self._plan.environment),
        }

    async def _keep_renewing(self) -> None:
        while True:
            await asyncio.sleep(RENEWAL_CHECK_S)
            try:
                await asyncio.to_thread(self._certificates.renew)
            except (CertificateUnusable, OSError) as error:
                self._report(f"certificates are not renewed: {error}")

    def _report(self, line: str) -> None:
        print(f"tollway: {line}", file=sys.stderr, flush=True)


def announce(
    known: Mapping[str, Any], loaded: Loaded, seconds: float, *, as_json: bool, first_password: str
) -> None:
    """Print where everything is. `first_password` is how the operator signs in; empty on every later start."""
    if as_json:
        say(json.dumps(known))
        return
    say(f"Tollway is ready ({seconds:.1f} s).\n")
    for label, key in (
        *([("console", "api")] if console_is_built() else []),
        ("status page", "status"),
        ("API", "api"),
        *((("API over HTTPS", "api_https"),) if "api_https" in known else ()),
        ("API documentation", "docs"),
        *((spec.title, spec.name) for spec in PROTOCOLS if spec.name in known),
        ("development inbox", "inbox"),
        ("payment mock", "payments_mock"),
        ("data", "data"),
        ("noted heads", "noted_heads"),
    ):
        say(f"  {label:<18} {known[key] or 'nowhere'}")
    # A password is shown once, to a person: not on later starts, when it may be an old one, and not to a journal.
    secret = first_password if sys.stdout.isatty() else ""
    shown = secret or "(`tollway operator reset-password`)"
    say(f"  {'operator':<18} {known['operator']['email']}  {shown}\n")
    for sentence in warnings(loaded.settings, split=known["split"]):
        say(f"  note: {sentence}")
    if not console_is_built():
        say("  note: the web console is not built; `make console` builds it")
    say("  Try `tollway demo --data …` in another terminal. Ctrl-C stops everything; the data stays.")


def _check_protocols(settings: Settings) -> None:
    try:
        listen_addresses(settings.edge, PROTOCOLS)
    except ListenError as error:
        fail(str(error), 2)


def check_listeners(plan: Plan) -> None:
    """Exit with one line when a port is taken, or an address is not one of this machine."""
    if (highest := max(plan.ports.values())) > MAX_PORT:
        fail(f"there is no port {highest}; choose a lower --port-base, or 0 for free ones", 2)
    for name, listener in plan.listeners.items():
        setting = listener.setting.rpartition(".")[0] + ".host" if listener.setting else name
        try:
            found = socket.getaddrinfo(listener.host, listener.port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError):
            fail(f"{setting}: {listener.host!r} is no address of this machine", 2)
        with socket.socket(found[0][0]) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(found[0][4])
            except OSError as error:
                if error.errno == errno.EADDRNOTAVAIL:
                    fail(f"{setting}: {listener.host} is no address of this machine", 2)
                cure = "choose others with --port-base, 0 for free ones"
                cure += f", or set {listener.setting}" if listener.setting else ""
                fail(f"port {listener.port} ({name}) is taken: {error.strerror}; {cure}")
