"""Records `tollway demo` as docs/demo.svg, the picture in the README.

python tools/record_demo.py
"""

import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "demo.svg"


def main() -> None:
    """Play the demo and draw what it printed."""
    played = subprocess.run(
        [sys.executable, "-m", "tollway", "demo"], capture_output=True, text=True, check=True
    )
    console = Console(record=True, width=118, file=sys.stderr)
    console.print(Text("$ make demo", style="bold"))
    for line in played.stdout.splitlines():
        style = "bold green" if line.startswith("demo: ok") else ""
        console.print(Text(line.replace(" … ", "  →  "), style=style))
    console.save_svg(str(PICTURE), title="tollway demo")


if __name__ == "__main__":
    main()
