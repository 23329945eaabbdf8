"""Before Airflow's components start: make or migrate its tables, and write who may log in."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path


def write_passwords(file: Path, users: str, password: str) -> None:
    """Write the password of the one user in ``users`` (``name:role``), readable to the owner alone.

    Airflow itself would make one up and print it into its log.
    """
    name, _, _ = users.partition(":")
    file.touch(mode=0o600)
    file.write_text(json.dumps({name: password}) + "\n", encoding="utf-8")


if __name__ == "__main__":
    subprocess.run(["airflow", "db", "migrate"], check=True)  # noqa: S607 - the image's own
    write_passwords(
        Path(os.environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"]),
        os.environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"],
        os.environ["AIRFLOW_PASSWORD"],
    )
