"""Every setting of the platform in one tree: a section per service, from its manifest, and defaults that run.

A value comes from, later ones winning: the default, `tollway.toml` (in the data folder, or `--config`), the
environment (`TOLLWAY_SECTION__NAME=value`), the command line. `tollway config` prints the effective values and
where each came from.
"""

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model, field_validator

from tollway.edge.settings import EdgeSettings, is_any_address
from tollway.gateway.settings import GatewaySettings
from tollway.kit.currencies import minor_decimals
from tollway.kit.locations import DEFAULT_LOCATIONS, Location
from tollway.services import find_manifests

ENV_PREFIX = "TOLLWAY_"
FILE_NAME = "tollway.toml"
_URL_PASSWORD = re.compile(r"(\w://[^/@\s:]*:)[^/@\s]+@")
_SECRET_WORDS = ("password", "secret", "key", "token")


_Section = TypeVar("_Section", bound=BaseModel)


def defaults(section: type[_Section]) -> _Section:
    """Return a section in which everything has its default."""
    return section.model_validate({})


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


HostPort = Annotated[str, Field(pattern=r"^[^\s:]+:\d{1,5}$|^\[[0-9a-fA-F:]+\]:\d{1,5}$")]
PostgresUrl = Annotated[str, Field(pattern=r"^(postgresql://\S+)?$")]


class DatabaseSettings(Section):
    """Where the services keep their data."""

    url: PostgresUrl = Field(
        "",
        description="postgresql://user:password@host/name for a schema per service; empty: a SQLite file per service",
    )
    services: dict[str, PostgresUrl] = Field(
        {}, description="A URL of its own for a service, by the service's name"
    )
    pool_size: int = Field(
        5, ge=1, description="Connections of a service to PostgreSQL, twice as many under load"
    )


class NetworkSettings(Section):
    """Where the parts of the platform find each other."""

    public_url: str = Field(
        "http://127.0.0.1:8000",
        pattern=r"^https?://[^\s/?#]+(/[^\s?#]*)?$",
        description="Where customers reach the platform, for links",
    )
    rpc: dict[str, str] = Field(
        {}, description="Where a service serves its service API: service → host:port; `*` for the others"
    )
    rest: dict[str, str] = Field(
        {},
        description="Where a service serves REST: service → unix:/path or host:port, several separated by commas, "
        "a process's own first; `*` for the others",
    )
    gateways: tuple[IPv4Network | IPv6Network, ...] = Field(
        (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128")),
        description="Networks of the gateways: what a service's REST side gets about clients is believed from these",
    )
    admin: dict[str, str] = Field(
        {},
        description="Where a process without the gateway shows health and metrics: process → host:port",
    )
    certificates: str = Field(
        "", description="Folder of the CA and the certificates; empty: certs in the data folder"
    )
    hosts: tuple[str, ...] = Field(
        ("127.0.0.1", "localhost"),
        description="Names and addresses that this machine's certificates are good for",
    )
    redis: str = Field(
        "",
        pattern=r"^(rediss?://\S+)?$",
        description="redis://host:port where several gateways share limits; empty: each counts for itself",
    )
    inbox: HostPort = Field("127.0.0.1:8025", description="The development inbox's page")
    payments_mock: HostPort = Field("127.0.0.1:8020", description="The payment mock's address")
    locations: tuple[Location, ...] = Field(
        DEFAULT_LOCATIONS,
        min_length=1,
        description="Where customers' traffic may leave: what the catalogue lists and an access may ask for; "
        "the first is the default",
    )


class SecuritySettings(Section):
    """Secrets of the installation."""

    master_key: str = Field(
        "",
        pattern=r"^([0-9a-fA-F]{64})?$",
        description="64 hex digits, the same on every machine; empty: made on first start",
    )
    heads_folder: str = Field(
        "",
        description="Folder outside the data where the newest heads of the ledger and the audit trail are noted; "
        "not set: tollway/heads in $XDG_STATE_HOME or ~/.local/state; empty: nowhere",
    )


class RetentionSettings(Section):
    """How long every service keeps its plumbing. The ledger and the audit trail are kept for good."""

    events_days: int = Field(7, ge=1, description="Published events that every subscriber has consumed")
    unread_days: int = Field(
        30,
        ge=1,
        description="Events that a subscriber has not consumed; one that was away for longer has missed them",
    )
    jobs_days: int = Field(30, ge=1, description="The keys of finished work; dead work is kept for a person")


class LogSettings(Section):
    """What is written to standard error."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="The least that is logged"
    )
    format: Literal["json", "text"] = Field("json", description="JSON for machines, text for a person")


class MailSettings(Section):
    """How e-mail leaves."""

    backend: Literal["inbox", "smtp"] = Field("inbox", description="The development inbox, or a real server")
    host: str = Field("127.0.0.1", description="The SMTP server")
    port: int = Field(587, ge=1, le=65535, description="Its port")
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="How the connection is protected"
    )
    username: str = Field("", description="Empty: no authentication")
    password: str = Field("", description="The SMTP password")
    sender: str = Field(
        "Tollway <no-reply@tollway.example>",
        pattern=r"^[^<>\r\n]*<[^<>@\s]+@[^<>@\s]+>$|^[^<>@\s]+@[^<>@\s]+$",
        description="The From address",
    )


class MoneySettings(Section):
    """What the platform is paid in."""

    currencies: tuple[str, ...] = Field(
        ("USD", "EUR"),
        min_length=1,
        description="Currencies (ISO 4217) of wallets, deposits and prices; the first is used when none is named",
    )

    @field_validator("currencies")
    @classmethod
    def _known(cls, currencies: tuple[str, ...]) -> tuple[str, ...]:
        for currency in currencies:
            minor_decimals(currency)
        if len(set(currencies)) != len(currencies):
            raise ValueError("a currency is listed twice")
        return currencies


class OperatorSettings(Section):
    """The first operator, made on first start."""

    email: str = Field("operator@tollway.example", description="Signs in with this address")

    @field_validator("email")
    @classmethod
    def _address(cls, text: str) -> str:
        from email_validator import EmailNotValidError, validate_email  # noqa: PLC0415  slow; rarely needed

        try:
            validate_email(text, check_deliverability=False)
        except EmailNotValidError as error:
            raise ValueError(f"{text!r} is no e-mail address: {error}") from error
        return text


class Settings(Section):
    """Every setting of the platform; each service has a section of its own."""

    data: Path = Field(Path("data"), description="The folder in which everything is kept")
    environment: Literal["development", "production"] = Field(
        "development", description="Tightens some defaults"
    )
    database: DatabaseSettings = defaults(DatabaseSettings)
    network: NetworkSettings = defaults(NetworkSettings)
    security: SecuritySettings = defaults(SecuritySettings)
    retention: RetentionSettings = defaults(RetentionSettings)
    log: LogSettings = defaults(LogSettings)
    mail: MailSettings = defaults(MailSettings)
    money: MoneySettings = defaults(MoneySettings)
    operator: OperatorSettings = defaults(OperatorSettings)
    gateway: GatewaySettings = defaults(GatewaySettings)
    edge: EdgeSettings = defaults(EdgeSettings)

    def section(self, service: str) -> Any:
        """Give the section of a service, of the class that its manifest names; None when it has none."""
        return getattr(self, service, None)


def _with_services() -> type[Settings]:
    sections: dict[str, Any] = {
        name: (service.settings, defaults(service.settings))
        for name, service in find_manifests().items()
        if service.settings is not None
    }
    return create_model("PlatformSettings", __base__=Settings, __doc__=Settings.__doc__, **sections)


# The whole tree: the sections above and one for each service that has settings.
TREE = _with_services()


class InvalidSettings(Exception):
    """A setting cannot be used; the text is one line that names it and says what it should be."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The effective settings, and for each value that is not a default where it came from."""

    settings: Settings
    origins: Mapping[str, str]


def load(
    overrides: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    file: Path | None = None,
) -> Loaded:
    """Read the settings. `overrides` are dotted names from the command line. Raises InvalidSettings."""
    given = dict(overrides or {})
    from_env = _from_environment(environment or {})
    data = Path(given.get("data") or from_env.get("data") or "data")
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for origin, layer in (
        (str(file or data / FILE_NAME), _from_file(file or data / FILE_NAME, required=file is not None)),
        ("environment", from_env),
        ("command line", given),
    ):
        for name, value in layer.items():
            _set(values, name, value)
            origins[name] = origin
    values["data"] = data.resolve()
    if "security.heads_folder" not in origins:
        _set(values, "security.heads_folder", _heads_folder(environment or {}, values["data"]))
    _keep_default_entries(TREE, values)
    try:
        settings = TREE.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        origin = next((origins[key] for key in origins if name.startswith(key)), "the settings")
        raise InvalidSettings(
            f"{name} (from {origin}): {first['msg']}; `tollway config` lists every setting"
        ) from error
    _refuse_in_production(settings)
    return Loaded(settings, origins)


def _heads_folder(environment: Mapping[str, str], data: Path) -> str:
    """Name a folder for this data folder in the user's state folder (XDG Base Directory); empty without one."""
    home = environment.get("HOME", "")
    state = environment.get("XDG_STATE_HOME") or (f"{home}/.local/state" if home else "")
    mark = hashlib.sha256(str(data).encode()).hexdigest()[:8]
    return str(Path(state) / "tollway" / "heads" / f"{data.name}-{mark}") if state else ""


def _refuse_in_production(settings: Settings) -> None:
    """Raise InvalidSettings for what is for development only; a section says so in `development_only`."""
    if settings.environment != "production":
        return
    for service in find_manifests():
        if reason := getattr(settings.section(service), "development_only", ""):
            raise InvalidSettings(f"{service}.{reason}")


def effective(loaded: Loaded) -> list[tuple[str, str, str]]:
    """List (name, value, origin) of every setting, secrets masked."""
    rows: list[tuple[str, str, str]] = []
    for name, value in _flatten("", loaded.settings.model_dump(mode="json")):
        secret = value and any(word in name.rsplit(".", 1)[-1].split("_") for word in _SECRET_WORDS)
        shown = "********" if secret else value if isinstance(value, str) else json.dumps(value)
        shown = _URL_PASSWORD.sub(r"\1********@", shown)
        origin = next(
            (o for key, o in loaded.origins.items() if name == key or name.startswith(f"{key}.")), "default"
        )
        rows.append((name, shown, origin))
    return rows


def warnings(settings: Settings, *, split: bool) -> list[str]:
    """Say what is unwise about these settings, with the reason."""
    found: list[str] = []
    production = settings.environment == "production"
    if split and not settings.database.url:
        found.append(
            "several processes on SQLite: fine on one machine, but they cannot be moved apart; set database.url"
        )
    if production and settings.mail.backend == "inbox":
        found.append("mail.backend is the development inbox: customers get no mail; set it to smtp")
    if production and settings.network.public_url.startswith("http://"):
        found.append("network.public_url is plain http: passwords and tokens travel in the clear; use https")
    if is_any_address(settings.edge.host) and not settings.edge.advertise:
        found.append(
            f"edge.host is {settings.edge.host}, to which nobody can connect: customers get the host of "
            "network.public_url as the address of the proxies; set edge.advertise"
        )
    return found


def _keep_default_entries(section: type[BaseModel], values: dict[str, Any]) -> None:
    """Add the entries of a table's default that were not given, so that one of them can be changed alone."""
    for name, field in section.model_fields.items():
        given = values.get(name)
        if not isinstance(given, dict):
            continue
        chosen = cast("dict[str, Any]", given)
        default: Any = field.get_default(call_default_factory=True)
        if isinstance(default, BaseModel):
            _keep_default_entries(type(default), chosen)
        elif isinstance(default, dict):
            for key, value in cast("dict[str, Any]", default).items():
                entry: Any = value.model_dump() if isinstance(value, BaseModel) else value
                mine: Any = chosen.get(key, entry)
                both = isinstance(entry, dict) and isinstance(mine, dict)
                chosen[key] = {**cast("dict[str, Any]", entry), **mine} if both else mine


def _from_file(path: Path, *, required: bool) -> dict[str, Any]:
    try:
        tree = tomllib.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError) as error:
        if required:
            raise InvalidSettings(f"there is no file {path}; check --config") from error
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise InvalidSettings(f"{path} cannot be read: {error}") from error
    return dict(_flatten("", tree))


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, text in environment.items():
        if name.startswith(ENV_PREFIX):
            found[name.removeprefix(ENV_PREFIX).lower().replace("__", ".")] = _parse(text)
    return found


def _parse(text: str) -> Any:
    # Lists and tables are written as JSON; anything else is text, which the setting's type understands.
    if text[:1] not in ("[", "{"):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _flatten(prefix: str, tree: Mapping[str, Any]) -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for name, value in tree.items():
        inner = cast("dict[str, Any]", value if isinstance(value, dict) else {})
        rows += _flatten(f"{prefix}{name}.", inner) if inner else [(prefix + name, value)]
    return rows


def _set(tree: dict[str, Any], dotted: str, value: Any) -> None:
    *parents, leaf = dotted.split(".")
    for parent in parents:
        tree = tree.setdefault(parent, {})
    tree[leaf] = value
