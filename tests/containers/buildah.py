"""Images and containers without an engine and without a registry: buildah, by chroot, as root.

The official Python base image is replaced by Debian bookworm, which has the same Python version,
bootstrapped once from the mirror that apt uses on this machine.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.containers.compose import ROOT

_CACHED_BASE = Path.home() / ".cache/pastiche/bookworm.tar"
_SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_CERTIFICATES = Path("/etc/ssl/certs")


@dataclass(frozen=True)
class Buildah:
    """buildah with a storage folder of its own, which can be deleted as a whole."""

    folder: Path

    def __call__(self, *arguments: str) -> str:
        """Runs a command and returns its standard output."""
        done = subprocess.run(
            self.command(*arguments), env=self.environment, capture_output=True, text=True
        )
        assert done.returncode == 0, f"buildah {' '.join(arguments)}:\n{done.stdout}{done.stderr}"
        return done.stdout.strip()

    def command(self, *arguments: str) -> list[str]:
        storage = ["--root", str(self.folder / "storage"), "--runroot", str(self.folder / "run")]
        return ["buildah", *storage, *arguments]

    def build(self, dockerfile: str) -> str:
        """Builds an image from a Dockerfile of the project and returns its id."""
        mounts = [f"--volume={mount}" for mount in self._machine_mounts()]
        arguments = ("--pull-never", "--isolation=chroot", "--quiet", *mounts)
        return self("build", *arguments, f"--file={ROOT / dockerfile}", str(ROOT)).splitlines()[-1]

    def size_megabytes(self, image: str) -> float:
        """The size of the image's layers on a disk."""
        size, unit = self("images", "--noheading", "--format={{.Size}}", image).split()
        return float(size) * {"KB": 1e-3, "MB": 1.0, "GB": 1e3}[unit.upper()]

    def starts(self, image: str) -> list[str]:
        """The command that a container of this image runs, word by word."""
        form = '{{range .OCIv1.Config.Cmd}}{{.}}{{"\\n"}}{{end}}'
        return self("inspect", "--type=image", f"--format={form}", image).splitlines()

    def add_base(self, name: str) -> None:
        """The stand-in for the official base, under its name."""
        if not _CACHED_BASE.exists():
            _bootstrap(_CACHED_BASE, self.folder)
        container = self("from", "scratch")
        self("add", container, str(_CACHED_BASE), "/")
        self("config", "--env", f"PATH={_SEARCH_PATH}", container)
        self("commit", "--rm", container, name)

    @property
    def environment(self) -> Mapping[str, str]:
        return os.environ | {"TMPDIR": str(self.folder)}

    def _machine_mounts(self) -> Iterator[str]:
        """This machine's way to its packages: pip's configuration, and the files that it names."""
        configuration = self.folder / "pip.conf"
        values = _pip_configuration()
        lines = (f"{name} = {value}" for name, value in values.items())
        configuration.write_text("\n".join(["[global]", *lines, ""]), "utf-8")
        yield f"{configuration}:/etc/pip.conf:ro"
        words = {word for value in values.values() for word in value.split()}
        for path in {_CERTIFICATES, *(_folder(word) for word in words if _is_path(word))}:
            if path.exists():
                yield f"{path}:{path}:ro"


@contextmanager
def temporary_buildah() -> Iterator[Buildah]:
    """A buildah with nothing in it, of which nothing is left in the end."""
    with TemporaryDirectory(prefix="pastiche-images-", dir="/var/tmp") as folder:
        buildah = Buildah(Path(folder))
        try:
            yield buildah
        finally:
            buildah("rm", "--all")
            buildah("rmi", "--all", "--force")
            # The overlay driver leaves its folder mounted on itself.
            overlay = f"{folder}/storage/overlay"
            subprocess.run(["umount", "--recursive", "--lazy", overlay], capture_output=True)


def _is_path(word: str) -> bool:
    return word.startswith(("/", "file:///"))


def _folder(word: str) -> Path:
    """What has to be mounted for pip to find this file or folder."""
    path = Path(word.removeprefix("file://"))
    if path.is_relative_to(_CERTIFICATES):
        return _CERTIFICATES
    # An index in a folder links to files that lie beside it.
    beside = word.startswith("file://") and path.parent != Path("/")
    return path.parent if beside else path


def _pip_configuration() -> dict[str, str]:
    """What pip goes by here, from its files and from the environment."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.check_output(command, text=True)
    found = re.findall(r"^(?:\w+|:env:)\.([\w-]+)=(.+)$", listed, re.MULTILINE)
    values = {name: str(ast.literal_eval(value)) for name, value in found}
    if "SSL_CERT_FILE" in os.environ:
        values.setdefault("cert", os.environ["SSL_CERT_FILE"])
    return values


def _bootstrap(target: Path, folder: Path) -> None:
    """A bookworm with Python and certificates, as a tar file."""
    index = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Codename: bookworm"]
    mirrors = subprocess.check_output(index, text=True).split()
    root = folder / "bookworm"
    packages = "--include=python3-venv,ca-certificates"
    command = ["debootstrap", "--variant=minbase", packages, "bookworm", str(root), *mirrors[:1]]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    left_out = ("./proc/*", "./sys/*", "./dev/*", "./var/cache/apt/*", "./var/lib/apt/lists/*")
    excluded = [f"--exclude={pattern}" for pattern in left_out]
    subprocess.run(["tar", "-C", str(root), *excluded, "-cf", str(part), "."], check=True)
    part.rename(target)
    shutil.rmtree(root)
