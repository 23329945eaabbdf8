"""Talk to the model server over HTTP: prepare a version, have it swapped in, predict."""

from __future__ import annotations

import json
import os
from typing import Any

import httpx
import pandas as pd

from dropforge.documents import ExplainedError, Problem, UserError
from dropforge.project import TOKEN_VARIABLE, Project
from dropforge.settings import Pipeline

VERSION_HEADER = "X-Model-Version"


class Unanswered(ExplainedError):
    """The model server does not answer, or with an error of its own; nobody's mistake, so it can be asked again."""


class Hosting:
    """A pipeline's place on the model server at ``address``."""

    def __init__(self, address: str, pipeline: str) -> None:
        self.address = address
        self.pipeline = pipeline
        token = os.environ.get(TOKEN_VARIABLE)
        headers = {"Authorization": f"Bearer {token}"} if token else None
        # Where nothing is encrypted nobody's certificate is read: that takes longer than an answer.
        encrypted = address.startswith("https:")
        self.client = httpx.Client(base_url=address, timeout=60.0, headers=headers, verify=encrypted)

    @classmethod
    def of(cls, project: Project, pipeline: Pipeline) -> Hosting | None:
        """Return a pipeline's place on the project's model server; None if none runs, or it is not hosted."""
        address = project.address("server")
        return cls(address, pipeline.name) if address and pipeline.host.enabled else None

    def served(self) -> str | None:
        """Return the version that is served now, or None."""
        answer = self._ask("GET", "")
        return str(answer.json()["version"]) if answer.is_success else None

    def prepare(self, version: str) -> None:
        """Have the server load a version and try it.

        Raises
        ------
        UserError
            If the version cannot be served; the server goes on with the old one.
        Unanswered
            If the server is away.
        """
        self._post("prepare", json={"version": version})

    def swap(self) -> str:
        """Have the server follow the alias now, and return the version that it then serves.

        Raises
        ------
        UserError
            If the version that holds the alias cannot be served; the server goes on with the old one.
        """
        return str(self._post("swap").json()["version"])

    def inputs(self) -> list[str]:
        """Return the columns that the version takes which is served now."""
        answer = self._ask("GET", "")
        if not answer.is_success:
            raise self._unanswered(_reason(answer))
        return [column["name"] for column in json.loads(answer.json()["signature"]["inputs"])]

    def predict(self, rows: pd.DataFrame) -> tuple[list[Any], str]:
        """Return predictions for ``rows``, and the version that made them."""
        sent = rows.astype(object).where(rows.notna(), None)  # JSON has no NaN
        body = json.dumps({"dataframe_split": sent.to_dict(orient="split", index=False)}, default=str)
        answer = self._ask("POST", "/invocations", content=body, headers={"Content-Type": "application/json"})
        if not answer.is_success:
            raise self._unanswered(_reason(answer))
        return answer.json()["predictions"], answer.headers[VERSION_HEADER]

    def _post(self, action: str, **content: Any) -> httpx.Response:
        answer = self._ask("POST", f"/{action}", **content)
        if answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
            refusal = answer.json()
            raise UserError(Problem(f"the model server refuses: {refusal['error']}", refusal["remedy"]))
        if not answer.is_success:
            raise self._unanswered(_reason(answer))
        return answer

    def _ask(self, method: str, path: str, **content: Any) -> httpx.Response:
        try:
            return self.client.request(method, f"/models/{self.pipeline}{path}", **content)
        except httpx.TransportError as error:
            raise self._unanswered(f"does not answer: {error or type(error).__name__}") from error

    def _unanswered(self, what: str) -> Unanswered:
        remedy = "`dropforge status` shows what runs; `dropforge up` starts a part that died anew. Then try again."
        return Unanswered(Problem(f"the model server at {self.address} {what}", remedy))


def _reason(answer: httpx.Response) -> str:
    """Return what an answer that is an error says, if it is in the server's own shape."""
    try:
        said = f": {answer.json()['error']}"
    except (ValueError, KeyError, TypeError):
        said = ""
    return f"answers {answer.status_code}{said}"
