"""Drop files as people do."""

import os
import time
from pathlib import Path


def drop(folder: Path, name: str, text: str = "class: SVC", age: float = 10.0) -> Path:
    """Write a file that has been quiet for ``age`` seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text)
    then = time.time() - age
    os.utime(path, (then, then))
    return path
