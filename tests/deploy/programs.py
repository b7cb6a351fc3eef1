"""The programs that check the files in `deploy`: found on this machine, or taken from packages.

`python -m tests.deploy.programs` unpacks the packages of Debian and Ubuntu into the virtual
environment, without installing anything; `make test` runs it before any test.
"""

import shutil
import sys
from pathlib import Path

from tests.installation import run_step

PACKAGES = {
    "amtool": "prometheus-alertmanager",
    "promtool": "prometheus",
}
"""Programs and the packages that contain them."""

FOLDER = Path(sys.prefix) / "deb"
LOG = Path(sys.prefix) / "deploy.log"


def find_program(name: str) -> str | None:
    """The program in the virtual environment, as kubectl and Caddy are on Linux, else on the PATH,
    else of a package."""
    paths = (str(Path(sys.executable).parent), None, str(FOLDER / "usr/bin"))
    return next(filter(None, (shutil.which(name, path=path) for path in paths)), None)


def missing_program(name: str) -> str:
    """What to do if there is none."""
    package = PACKAGES.get(name, name)
    return f"{name} is not on the PATH (Debian: the package {package}). What was tried is in {LOG}."


def main() -> None:
    """Takes what is missing from packages; ends the process with a sentence if that fails."""
    missing = [name for name in PACKAGES if find_program(name) is None]
    if missing and shutil.which("apt-get") is None:
        print(f"Tests that need {', '.join(missing)} will be skipped.")  # noqa: T201  # for whoever runs make
        return
    if missing:
        FOLDER.mkdir(exist_ok=True)
        title = f"Unpacking {', '.join(missing)} (they check the files in deploy)"
        packages = " ".join(PACKAGES[name] for name in missing)
        download = f"apt-get download {packages}"
        fetch = f"{download} || {{ apt-get update && {download}; }}"
        unpack = "for each in *.deb; do dpkg --extract $each . && rm $each; done"
        run_step(LOG, title, ["sh", "-c", f"{{ {fetch}; }} && {unpack}"], FOLDER)
    for name in missing:
        if find_program(name) is None:
            sys.exit(missing_program(name))


if __name__ == "__main__":
    main()
