"""`tollway certs`: certificates for mutual TLS between processes."""

import re
from pathlib import Path

from tollway.cli.console import fail, read_settings, say
from tollway.fabric import tls
from tollway.fabric.clock import SystemClock
from tollway.kit.times import to_rfc3339
from tollway.topology import backends


def run(services: list[str], hosts: list[str], data: Path, config: Path | None) -> None:
    """Issue (or renew) a certificate for each service."""
    settings = read_settings(data, config).settings
    folder = backends.certificates(settings)
    for service in services:
        if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]*", service):
            fail(f"{service!r} is no service; a name such as ledger or edge is wanted", 2)
        try:
            identity = tls.ensure(folder, service, [*settings.network.hosts, service, *hosts], SystemClock())
        except (OSError, tls.CertificateUnusable) as error:
            fail(f"cannot issue a certificate for {service}: {error}")
        say(f"{folder / service}.pem is good until {to_rfc3339(identity.not_after_us)}")
