"""Hold a process of the stack at a named point, from the test's side."""

import contextlib
import os
from pathlib import Path

from tests.stack.injected import named_points

INJECTED = Path(named_points.__file__).parent


class Points:
    """The folder in which the test and the stack's processes meet."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(exist_ok=True)

    def environment(self, given):
        """Return the variables with which a process can be held."""
        path = os.pathsep.join(filter(None, [str(INJECTED), given.get("PYTHONPATH")]))
        return {**given, "PYTHONPATH": path, named_points.FOLDER: str(self.folder)}

    def arm(self, point):
        """Hold the next process that comes by."""
        (self.folder / f"{point}.armed").touch()

    def held(self, point):
        """Return the number of the process that is held at ``point``, or None."""
        found = [file.suffix[1:] for file in self.folder.glob(f"{point}.*")]
        return next((int(number) for number in found if number.isdecimal()), None)

    def release(self):
        """Let everybody go, and hold nobody any more."""
        for file in self.folder.iterdir():
            with contextlib.suppress(FileNotFoundError):
                file.unlink()
