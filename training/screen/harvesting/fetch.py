"""Packages brought in by their registries' own clients, into a folder that is thrown away."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path
from typing import Final

from training.screen.harvesting.packages import Package

_SECONDS: Final = 240
_MAX_FILE: Final = 12_000_000


class NotFetched(Exception):
    """A client did not bring what is pinned; says which and what it printed last."""


def fetch(package: Package, folder: Path) -> Path:
    """The unpacked package, below ``folder``; what is there already is used as it is."""
    target = folder / package.client / package.name.replace("/", "~").replace(":", "~")
    if (target / ".done").exists():
        return target
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    _CLIENTS[package.client](package, target)
    for archive in sorted(target.iterdir()):
        _unpack(archive, target)
    (target / ".done").touch()
    return target


def _run(package: Package, folder: Path, *command: str) -> str:
    done = subprocess.run(  # noqa: S603 - a pinned name and version, never a shell
        command, cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    if done.returncode:
        lines = (done.stderr + done.stdout).splitlines()
        last = [line for line in lines if "rror" in line][:1] or lines[-1:] or ["no word"]
        message = f"{package.client} {package.name} {package.version}: {last[0]}"
        raise NotFetched(message)
    return done.stdout


def _pypi(package: Package, folder: Path) -> None:
    pin = f"{package.name}=={package.version}"
    _run(package, folder, "pip", "download", "-q", "--no-deps", "-d", ".", pin)


def _npm(package: Package, folder: Path) -> None:
    pin = f"{package.name}@{package.version}"
    _run(package, folder, "npm", "pack", "--ignore-scripts", "--silent", pin)


def _go(package: Package, folder: Path) -> None:
    (folder / "go.mod").write_text("module harvest\n", encoding="utf-8")
    pin = f"{package.name}@{package.version}"
    told = json.loads(_run(package, folder, "go", "mod", "download", "-json", pin))
    shutil.copytree(told["Dir"], folder / "module")
    subprocess.run(["chmod", "-R", "u+w", str(folder)], check=True)  # noqa: S603, S607 - the module cache is read-only


def _crate(package: Package, folder: Path) -> None:
    (folder / "src").mkdir()
    (folder / "src" / "lib.rs").touch()
    (folder / "Cargo.toml").write_text(
        '[package]\nname = "harvest"\nversion = "0.0.0"\nedition = "2021"\n'
        f'[dependencies]\n{package.name} = "={package.version}"\n',
        encoding="utf-8",
    )
    _run(package, folder, "cargo", "vendor", "-q", "--versioned-dirs", "vendor")
    wanted = folder / "vendor" / f"{package.name}-{package.version}"
    wanted.rename(folder / "crate")
    shutil.rmtree(folder / "vendor")
    (folder / "Cargo.toml").unlink()


def _debian(package: Package, folder: Path) -> None:
    # The index may hold several versions of one name; apt takes exactly the one that is pinned.
    _run(package, folder, "apt-get", "download", "-q", f"{package.name}={package.version}")
    for archive in folder.glob("*.deb"):
        _run(package, folder, "dpkg-deb", "-x", str(archive), str(folder / "root"))
    for jar in (folder / "root").rglob("*.jar"):
        if not jar.is_symlink() and jar.exists():
            _unpack(jar, folder)


def _unpack(archive: Path, folder: Path) -> None:
    if archive.suffix in {".whl", ".jar", ".zip"}:
        with zipfile.ZipFile(archive) as files:
            for entry in files.infolist():
                if entry.file_size <= _MAX_FILE:
                    files.extract(entry, folder / archive.stem)
    elif archive.suffix in {".tgz", ".gz"}:
        with tarfile.open(archive) as tar:
            tar.extractall(folder / archive.stem, filter="data")


_CLIENTS: Final = {
    "pypi": _pypi,
    "npm": _npm,
    "go": _go,
    "crate": _crate,
    "debian": _debian,
}
