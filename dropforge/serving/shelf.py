"""Champions as they were served last, beside the server: it answers after a restart although MLflow is away."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from dropforge.documents import Problem, UserError
from dropforge.registry import Store, Version
from dropforge.registry.models import Loaded, fetched, load_folder

_RECORD = "champion.json"


@dataclass(frozen=True)
class Kept:
    """What is known of a champion that was kept: its version, metrics, and the digest of its files."""

    name: str
    version: str
    tags: dict[str, str]
    stage: str
    run_id: str | None
    metrics: dict[str, float]
    digest: str


class Shelf:
    """The champions that were kept, one for each pipeline.

    Parameters
    ----------
    folder : pathlib.Path
        Where.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, store: Store, version: Version, metrics: dict[str, float]) -> None:
        """Keep a copy of a version in place of the one before; a crash on the way leaves that one.

        Raises
        ------
        OSError
            If the disk refuses.
        """
        place = self.folder / version.name
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".draft-", dir=place) as draft:
            with fetched(store, version) as artifact:
                shutil.copytree(artifact, Path(draft, "model"))
            kept = Kept(
                version.name, version.version, dict(version.tags), version.stage, version.run_id, metrics,
                digest(Path(draft, "model")),
            )  # fmt: skip
            if not (place / kept.digest).exists():
                Path(draft, "model").rename(place / kept.digest)
            record = Path(draft, _RECORD)
            record.write_bytes(msgspec.json.encode(kept))
            record.replace(place / _RECORD)
        for old in place.iterdir():
            if old.name not in (kept.digest, _RECORD):
                shutil.rmtree(old, ignore_errors=True)

    def last(self, name: str) -> Kept | None:
        """Return what was kept of a pipeline's champion; None if there is nothing that can be read."""
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            return msgspec.json.decode((self.folder / name / _RECORD).read_bytes(), type=Kept)
        return None

    def load(self, kept: Kept, modules: tuple[str, ...] = ()) -> Loaded:
        """Load a champion that was kept, with the types that are trusted, as one from MLflow.

        Raises
        ------
        UserError
            If its files are not those that were kept, or cannot be loaded.
        """
        folder = self.folder / kept.name / kept.digest
        version = Version(kept.name, kept.version, kept.tags, kept.stage, kept.run_id)
        try:
            found = digest(folder)
        except OSError as error:
            raise _damaged(kept) from error
        if found != kept.digest:
            raise _damaged(kept)
        return load_folder(folder, version, modules)


def digest(folder: Path) -> str:
    """Return the digest of all files in a folder, with their names."""
    found = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content: Any = hashlib.sha256(path.read_bytes()).hexdigest()
        found.update(f"{path.relative_to(folder).as_posix()}\0{content}\n".encode())
    return found.hexdigest()


def _damaged(kept: Kept) -> UserError:
    return UserError(
        Problem(
            f"version {kept.version} of '{kept.name}' is not as it was kept",
            "Have MLflow run: the server then loads it anew.",
        )
    )
