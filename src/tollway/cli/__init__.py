"""The command line: one module per command, imported when it is called."""

from pathlib import Path
from typing import Annotated

import typer

from tollway import __version__
from tollway.kit.output import substitute_missing_characters

DataOption = Annotated[
    Path,
    typer.Option("--data", help="The folder in which the platform keeps everything.", envvar="TOLLWAY_DATA"),
]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="A settings file; default: tollway.toml in the data folder.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]

app = typer.Typer(
    name="tollway",
    help="Run an internet-access business: sign-up, payment, metered access, one ledger.",
    epilog="Start with `tollway up`; `tollway demo` then plays a customer's story against it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command(epilog="Example: tollway up --data ./data --port-base 9000 --edge-workers 2")
def up(
    data: DataOption = Path("data"),
    config: ConfigOption = None,
    port_base: Annotated[
        int,
        typer.Option(help="The first of the ports used (up to 180 from there on); 0 takes free ones.", min=0),
    ] = 8000,
    edge_workers: Annotated[
        int, typer.Option(help="Edge processes that share the proxy ports.", min=1, max=64)
    ] = 1,
    split: Annotated[bool, typer.Option("--split", help="Every service in a process of its own.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Start the whole business on this machine and keep it running until Ctrl-C."""
    from tollway.cli.up import run

    run(data, config, port_base, edge_workers, split=split, as_json=as_json)


@app.command(epilog="Example: tollway serve --target ledger --data ./data")
def serve(
    target: Annotated[list[str], typer.Option(help="What to run; see `tollway targets`. May be repeated.")],
    data: DataOption = Path("data"),
    config: ConfigOption = None,
    worker: Annotated[int, typer.Option(help="Which of several edge workers this is.", min=0)] = 0,
) -> None:
    """Run some targets in this process, in the foreground."""
    from tollway.cli.serve import run

    run(target, data, config, worker)


@app.command(epilog="Example: tollway demo --split --store postgres")
def demo(
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            help="Play against the platform running there; default: the one in ./data, else a fresh one.",
        ),
    ] = None,
    split: Annotated[
        bool, typer.Option("--split", help="Start it with every service in a process of its own.")
    ] = False,
    store: Annotated[str, typer.Option(help="sqlite or postgres, for a fresh platform.")] = "sqlite",
) -> None:
    """Play a customer's story with public interfaces only, and fail at the first step that is not true."""
    from tollway.cli.demo import run

    run(data, split=split, store=store)


@app.command(epilog="Example: tollway migrate --data ./data")
def migrate(data: DataOption = Path("data"), config: ConfigOption = None) -> None:
    """Bring every service's database up to date and exit; `up` and `serve` do it by themselves."""
    from tollway.cli.migrate import run

    run(data, config)


@app.command(epilog="Example: tollway verify --data ./data")
def verify(
    data: DataOption = Path("data"),
    config: ConfigOption = None,
    known_head: Annotated[
        str, typer.Option(help="A ledger head noted earlier; it must still be there.")
    ] = "",
    known_audit_head: Annotated[str, typer.Option(help="An audit head noted earlier, likewise.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Recompute the books and the audit trail from the first entry on, and say what does not hold.

    Note the heads that it prints somewhere else: only a head known outside of the database shows that the end
    of a chain was cut off.
    """
    from tollway.cli.verify import Heads, run

    run(data, config, Heads(known_head, known_audit_head), as_json=as_json)


operators = typer.Typer(
    help="Replace an operator's lost password, or add another operator.", no_args_is_help=True
)
app.add_typer(operators, name="operator")
PasswordOption = Annotated[
    bool,
    typer.Option("--password-stdin", help="Read the password from standard input; default: one is made."),
]


@operators.command("reset-password", epilog="Example: tollway operator reset-password --data ./data")
def operator_reset_password(
    data: DataOption = Path("data"),
    config: ConfigOption = None,
    email: Annotated[str, typer.Option(help="The operator's address; default: operator.email.")] = "",
    password_stdin: PasswordOption = False,
) -> None:
    """Give an operator another password and print it once, in a terminal. The platform must not be running."""
    from tollway.cli.operator import reset_password

    reset_password(data, config, email, from_stdin=password_stdin)


@operators.command("add", epilog="Example: tollway operator add second@example.com --data ./data")
def operator_add(
    email: Annotated[str, typer.Argument(help="The address to sign in with.")],
    data: DataOption = Path("data"),
    config: ConfigOption = None,
    password_stdin: PasswordOption = False,
) -> None:
    """Make somebody an operator; an account of this address is taken over. The platform must not be running."""
    from tollway.cli.operator import add

    add(data, config, email, from_stdin=password_stdin)


@app.command(epilog="Example: tollway dead-letters --retry job_01kq5d3v8e2m7r4t6y9z1a3c5f")
def dead_letters(
    data: DataOption = Path("data"),
    config: ConfigOption = None,
    retry: Annotated[
        list[str] | None, typer.Option(help="Have this one tried again. May be repeated.")
    ] = None,
    retry_all: Annotated[bool, typer.Option("--retry-all", help="Have everything tried again.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List work that failed too often and waits for a person, and have it tried again.

    Deposits that need a decision are at /api/admin/deposits.
    """
    from tollway.cli.dead_letters import run

    run(data, config, retry or [], retry_all=retry_all, as_json=as_json)


@app.command(epilog="Example: tollway export --format beancount > books.beancount")
def export(
    data: DataOption = Path("data"),
    config: ConfigOption = None,
    format: Annotated[str, typer.Option(help="beancount")] = "beancount",  # noqa: A002  the option's name
) -> None:
    """Write the books to standard output for an outside auditor."""
    from tollway.cli.export import run

    run(data, config, format)


@app.command(epilog="Example: tollway config --data ./data")
def config(data: DataOption = Path("data"), config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Print the effective settings and where each came from, secrets masked."""
    from tollway.cli.config import run

    run(data, config, as_json=as_json)


@app.command(epilog="Example: tollway status --data ./data")
def status(data: DataOption = Path("data"), config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Print how the platform is: its processes, the disk, the certificates. Exits 1 when something needs a person."""
    from tollway.cli.status import run

    run(data, config, as_json=as_json)


@app.command(epilog="Example: tollway certs --service ledger --host ledger.internal")
def certs(
    service: Annotated[
        list[str] | None,
        typer.Option(help="Who the certificate is for. May be repeated. Default: renew what there is."),
    ] = None,
    host: Annotated[
        list[str] | None, typer.Option(help="A name or address it listens on. May be repeated.")
    ] = None,
    data: DataOption = Path("data"),
    config: ConfigOption = None,
) -> None:
    """Issue certificates for mutual TLS between processes, or renew them; makes the authority on first use."""
    from tollway.cli.certs import run

    run(service or [], host or [], data, config)


@app.command(epilog="Example: tollway targets")
def targets(as_json: JsonOption = False) -> None:
    """Print the map: every target, the APIs it calls, the events it subscribes to, its paths."""
    from tollway.cli.targets import run

    run(as_json=as_json)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def main() -> None:
    """Run the command line. Refuses to start under `python -O`."""
    substitute_missing_characters()
    if not __debug__:
        # Assertions are how impossible states stop the platform before they reach the books.
        print("tollway: python -O switches assertions off, which this program relies on; start it without -O")
        raise SystemExit(2)
    app()
