"""`tollway up`: the whole business on this machine."""

import errno
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from tollway.cli import first_start, folder_lock
from tollway.cli.certs import make_authority
from tollway.cli.console import end_with_parent, fail, read_settings
from tollway.cli.plan import Child, Plan, make_plan
from tollway.edge.listener import ListenError
from tollway.edge.protocol_spec import listen_addresses
from tollway.edge.protocols import PROTOCOLS
from tollway.fabric.tls import CertificateUnusable
from tollway.gateway.route.console import console_is_built
from tollway.settings import Loaded, Settings, warnings
from tollway.supervisor.config import STOP_SIGNALS, ChildProcess, SupervisorConfig
from tollway.topology import EDGE, GATEWAY, members
from tollway.topology.certificates import certificates_of

MAX_PORT = 65_535
# An edge's reads of 256 KiB would each map and unmap memory with glibc's defaults; see docs/decisions/0004.
# The business does the opposite: what hashing a password took goes back at once.
EDGE_MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": "67108864",
    "MALLOC_TRIM_THRESHOLD_": "134217728",
    "MALLOC_TOP_PAD_": "1048576",
    "MALLOC_ARENA_MAX": "2",
}
BUSINESS_MALLOC = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_TRIM_THRESHOLD_": "131072",
    "MALLOC_MMAP_THRESHOLD_": "131072",
}


def run(data: Path, config: Path | None, port_base: int, workers: int, *, split: bool, as_json: bool) -> None:
    """Check, plan, and become the supervisor, which stays until Ctrl-C. Exits 1 with one line when it cannot.

    Everything that can be checked is checked before anything lasting is written.
    """
    end_with_parent()
    began_s = time.monotonic()
    loaded = read_settings(data, config)
    plan = make_plan(loaded.settings, loaded.origins, port_base, workers, split=split)
    _check_protocols(loaded.settings)
    first_start.check_folder(loaded.settings.data)
    with folder_lock.platform(loaded.settings.data) as lock:
        check_listeners(plan)
        first_start.check_key(loaded)
        first = first_start.is_first(loaded.settings.data)
        operator = first_start.operator(loaded)
        running = read_settings(data, config, environment=plan.environment).settings
        certificates = Certificates(plan, running)
        try:
            certificates.renew()
        except CertificateUnusable as error:
            fail(str(error))
        except OSError as error:
            fail(f"cannot start: {error}")
        known = _known(plan, loaded.settings, operator)
        supervised = SupervisorConfig(
            data=plan.data,
            processes=tuple(processes_of(plan, config)),
            known=known,
            ready_lines=tuple(ready_lines(known, loaded, operator["password"] if first else "")),
            renewal=renewal_of(plan, config) if certificates.issued_here else None,
            as_json=as_json,
            began_s=began_s,
        )
        _become_supervisor(supervised, lock)


class Certificates:
    """The certificates of all processes of the plan, issued before they start."""

    def __init__(self, plan: Plan, settings: Settings) -> None:
        self._authority = make_authority(settings)
        self._wanted: dict[str, tuple[str, ...]] = {}
        for child in plan.children:
            for name, hosts in certificates_of(settings, members(child.targets)).items():
                self._wanted[name] = (*self._wanted.get(name, ()), *hosts)

    @property
    def issued_here(self) -> bool:
        """Whether this machine has the authority's key."""
        return self._authority.is_here

    def renew(self) -> None:
        """Issue what is missing or two thirds through its life. Raises CertificateUnusable, OSError.

        On a machine without the authority's key the certificates come from elsewhere, and each process checks its own.
        """
        if self.issued_here:
            for name, hosts in self._wanted.items():
                self._authority.ensure(name, hosts)


def _become_supervisor(supervised: SupervisorConfig, lock: int) -> NoReturn:
    """Go on as the supervisor: the same process, with its lock on the folder, and without all that planning needed."""
    descriptor = supervised.to_file()
    for kept in (descriptor, lock):
        os.set_inheritable(kept, True)
    # What arrives before the supervisor listens is kept for it.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    os.execv(sys.executable, [sys.executable, "-m", "tollway.supervisor", str(descriptor)])  # noqa: S606


def processes_of(plan: Plan, config: Path | None) -> list[ChildProcess]:
    """Say how each process of the plan is run. The edges stop first, so that what they measured is settled."""

    def process(child: Child) -> ChildProcess:
        is_edge = EDGE in child.targets
        arguments = ["-m", "tollway", "serve", *_options(plan, config)]
        arguments += [word for target in child.targets for word in ("--target", target)]
        arguments += ["--worker", str(child.worker)] if child.worker else []
        malloc = EDGE_MALLOC if is_edge else BUSINESS_MALLOC
        stops = 0 if is_edge else 1 if child.targets == (GATEWAY,) else 2
        return ChildProcess(child.name, tuple(arguments), {**malloc, **plan.environment}, stops)

    return [process(child) for child in plan.children]


def renewal_of(plan: Plan, config: Path | None) -> ChildProcess:
    """Say how the certificates of the plan are renewed."""
    return ChildProcess("certs", ("-m", "tollway", "certs", *_options(plan, config)), plan.environment, 0)


def _options(plan: Plan, config: Path | None) -> list[str]:
    return ["--data", str(plan.data), *(["--config", str(config)] if config else [])]


def _known(plan: Plan, settings: Settings, operator: Mapping[str, str]) -> dict[str, Any]:
    return {
        **plan.addresses,
        "data": str(plan.data),
        "noted_heads": settings.security.heads_folder,
        "operator": {"email": operator["email"]},
        "pid": os.getpid(),
        "split": plan.split,
        "environment": dict(plan.environment),
    }


def ready_lines(known: Mapping[str, Any], loaded: Loaded, first_password: str) -> Iterator[str]:
    """Yield where everything is. `first_password` is how the operator signs in; empty on every later start."""
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
        yield f"  {label:<18} {known[key] or 'nowhere'}"
    # A password is shown once, to a person: not on later starts, when it may be an old one, and not to a journal.
    secret = first_password if sys.stdout.isatty() else ""
    shown = secret or "(`tollway operator reset-password`)"
    yield f"  {'operator':<18} {known['operator']['email']}  {shown}\n"
    for sentence in warnings(loaded.settings, split=known["split"]):
        yield f"  note: {sentence}"
    if not console_is_built():
        yield "  note: the web console is not built; `make console` builds it"
    yield "  Try `tollway demo --data …` in another terminal. Ctrl-C stops everything; the data stays."


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
