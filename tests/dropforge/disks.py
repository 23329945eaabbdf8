"""File systems of a test's own, to be filled and to be made read-only. Root ignores rights, but not these."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


class Disk:
    """A small file system."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ballast = path / "ballast"

    @contextlib.contextmanager
    def full(self, but: int = 0) -> Iterator[None]:
        """Leave no room but ``but`` bytes."""
        descriptor = os.open(self.ballast, os.O_WRONLY | os.O_CREAT)
        try:
            with contextlib.suppress(OSError):
                while os.write(descriptor, bytes(4096)):
                    pass
            os.ftruncate(descriptor, os.fstat(descriptor).st_size - but)
            yield
        finally:
            os.close(descriptor)
            self.ballast.unlink()

    @contextlib.contextmanager
    def read_only(self) -> Iterator[None]:
        """Take no writes."""
        self._mount("remount,ro")
        try:
            yield
        finally:
            self._mount("remount,rw")

    def _mount(self, options: str) -> None:
        subprocess.run(["mount", "-o", options, self.path], check=True)  # noqa: S603, S607


@contextlib.contextmanager
def mounted(path: Path, megabytes: int) -> Iterator[Disk]:
    """Mount a file system; where that is not allowed, the test is skipped."""
    path.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        pytest.skip(f"no file system can be mounted: {done.stderr.strip()}")
    try:
        yield Disk(path)
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)  # noqa: S603, S607
