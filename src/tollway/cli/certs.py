"""`tollway certs`: certificates for mutual TLS between processes."""

import re
from pathlib import Path

from tollway.cli.authority import Authority
from tollway.cli.console import fail, read_settings, say
from tollway.fabric.clock import SystemClock
from tollway.fabric.tls import CertificateUnusable, path_of
from tollway.kit.times import to_rfc3339
from tollway.settings import Settings
from tollway.topology import backends

KEYS = "authority"  # the folder in the data folder that no serving process needs


def run(services: list[str], hosts: list[str], data: Path, config: Path | None) -> None:
    """Issue a certificate for each service, or renew those that there are when none is named."""
    settings = read_settings(data, config).settings
    authority = make_authority(settings)
    for service in services or authority.issued():
        if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]*", service):
            fail(f"{service!r} is no service; a name such as ledger or edge is wanted", 2)
        wanted = [*settings.network.hosts, service, *hosts] if services else [service]
        try:
            identity = authority.ensure(service, wanted)
        except (OSError, CertificateUnusable) as error:
            fail(f"cannot issue a certificate for {service}: {error}")
        file = path_of(backends.certificates(settings), service)
        say(f"{file} is good until {to_rfc3339(identity.not_after_us)}")


def make_authority(settings: Settings) -> Authority:
    """Give the authority of this data folder."""
    return Authority(settings.data / KEYS, backends.certificates(settings), SystemClock())
