"""The wheel, built from this checkout, and installed into an environment of its own."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent


def build(folder: Path) -> Path:
    """Build the wheel into a folder, and return it."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)  # noqa: S603
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(wheel: Path, folder: Path) -> Path:
    """Install the wheel into a new environment, and return the folder of its commands.

    Its dependencies are those that the tests run with, so that no network is needed. They are found by a line in a
    `.pth` file: the checkout itself, which another `.pth` file adds to the tests' environment, is not among them.
    """
    venv.create(folder)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--offline", "--no-deps", "--no-index"]
    subprocess.run([*command, "--python", folder / "bin" / "python", wheel], check=True, capture_output=True)  # noqa: S603
    return folder / "bin"
