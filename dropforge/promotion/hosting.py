"""Talk to the model server over HTTP: prepare a version, have it swapped in, predict."""

from __future__ import annotations

from typing import Any

import httpx
import pandas as pd

from dropforge.documents import Problem, UserError

VERSION_HEADER = "X-Model-Version"


class Hosting:
    """A pipeline's place on the model server at ``address``."""

    def __init__(self, address: str, pipeline: str) -> None:
        self.pipeline = pipeline
        self.client = httpx.Client(base_url=address, timeout=60.0)

    def served(self) -> str | None:
        """Return the version that is served now, or None."""
        answer = self.client.get(f"/models/{self.pipeline}")
        return str(answer.json()["version"]) if answer.is_success else None

    def prepare(self, version: str) -> None:
        """Have the server load a version and try it.

        Raises
        ------
        UserError
            If the version cannot be served; the server goes on with the old one.
        """
        answer = self.client.post(f"/models/{self.pipeline}/prepare", json={"version": version})
        if answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
            error = answer.json()["error"]
            raise UserError(
                Problem(f"the model server cannot serve version {version}: {error['message']}", error["remedy"])
            )
        answer.raise_for_status()

    def swap(self) -> str:
        """Have the server follow the alias now, and return the version that it then serves."""
        answer = self.client.post(f"/models/{self.pipeline}/swap")
        answer.raise_for_status()
        return str(answer.json()["version"])

    def predict(self, rows: pd.DataFrame) -> tuple[list[Any], str]:
        """Return predictions for ``rows``, and the version that made them."""
        body = {"dataframe_split": rows.to_dict(orient="split", index=False)}
        answer = self.client.post(f"/models/{self.pipeline}/invocations", json=body)
        answer.raise_for_status()
        return answer.json()["predictions"], answer.headers[VERSION_HEADER]
