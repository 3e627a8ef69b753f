"""Generates the Python code of the service APIs from `src/tollway/contracts/*.proto`.

python tools/generate.py            writes it
python tools/generate.py --check    exits 1 when what is committed is stale
"""

import filecmp
import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "src"
CONTRACTS = SOURCES / "tollway" / "contracts"


def generate(target: Path) -> None:
    """Write the messages, stubs and their types of every proto below `target`."""
    protos = [str(path) for path in sorted(CONTRACTS.glob("*.proto"))]
    outs = [f"--{kind}={target}" for kind in ("python_out", "grpc_python_out")]
    outs += [f"--{kind}=quiet:{target}" for kind in ("mypy_out", "mypy_grpc_out")]
    code = protoc.main(["protoc", f"-I{SOURCES}", *outs, *protos])
    if code:
        raise SystemExit(code)


def stale(fresh: Path) -> list[str]:
    """Name the generated files that differ from a fresh generation."""
    made = sorted(fresh.rglob("*_pb2*"))
    kept = {path.name for path in CONTRACTS.glob("*_pb2*") if path.suffix in {".py", ".pyi"}}
    differing = [
        path.name
        for path in made
        if not (CONTRACTS / path.name).exists() or not filecmp.cmp(path, CONTRACTS / path.name, shallow=False)
    ]
    return differing + sorted(kept - {path.name for path in made})


def main() -> None:
    """Generate, or check with --check."""
    if "--check" not in sys.argv:
        generate(SOURCES)
        return
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        if names := stale(Path(folder)):
            print("stale generated code; run tools/generate.py:", *names)
            raise SystemExit(1)


if __name__ == "__main__":
    main()
