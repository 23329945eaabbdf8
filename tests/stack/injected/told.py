"""A notifier as a user may have one: it writes into a file of the project."""

import os
from pathlib import Path

from airflow.sdk import BaseNotifier


class ToFile(BaseNotifier):
    """Append a line to a file."""

    template_fields = ("text",)

    def __init__(self, file, text):
        super().__init__()
        self.file, self.text = file, text

    def notify(self, context):
        """Write it."""
        with Path(os.environ["DROPFORGE_HOME"], self.file).open("a") as file:
            file.write(f"{self.text}\n")
