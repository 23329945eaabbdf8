"""A swap loses no request and lies to none; a version must answer as it was validated; a restart needs no MLflow."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from dropforge.data import Rows
from dropforge.documents import UserError
from dropforge.project import Project
from dropforge.promotion import promote
from dropforge.promotion.hosting import Hosting
from dropforge.registry import Store
from dropforge.registry.measured import Measured, measured_of
from dropforge.registry.models import load
from dropforge.serving.models import ServedModel
from dropforge.serving.predictions import VERSION_HEADER
from dropforge.serving.predictor import Predictor
from dropforge.serving.tryout import try_out
from tests.dropforge.serving.asking import PREDICT, assert_refused, one_row, split
from tests.dropforge.serving.memory import version
from tests.dropforge.wine import WINE, crown, version_of
from tests.waiting import until

pytestmark = pytest.mark.slow

RATE = 200  # requests a second
SWAPS = 20


@dataclass(frozen=True)
class Seen:
    """A request: when it began and ended, and what it got; status 0 is no answer."""

    began: float
    ended: float
    status: int
    version: str
    predictions: list[Any]


class Traffic:
    """Requests at a rate, whatever becomes of those before: a server that stalls is not spared."""

    def __init__(self, address: str, content: Any) -> None:
        self.address, self.content = address, content
        self.seen: list[Seen] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def __enter__(self) -> Traffic:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    async def _run(self) -> None:
        limits = httpx.Limits(max_connections=50)
        async with httpx.AsyncClient(base_url=self.address, limits=limits, timeout=30) as client:
            asked, began = set(), time.perf_counter()
            while not self._stop.is_set():
                asked.add(asyncio.create_task(self._ask(client)))
                await asyncio.sleep(max(0.0, began + len(asked) / RATE - time.perf_counter()))
            await asyncio.gather(*asked)

    async def _ask(self, client: httpx.AsyncClient) -> None:
        began = time.perf_counter()
        try:
            answer = await client.post(PREDICT, json=self.content)
        except httpx.HTTPError:
            self.seen.append(Seen(began, time.perf_counter(), 0, "", []))
            return
        ended = time.perf_counter()
        predictions = answer.json().get("predictions", []) if answer.is_success else []
        self.seen.append(Seen(began, ended, answer.status_code, answer.headers.get(VERSION_HEADER, ""), predictions))


def test_twenty_swaps_under_two_hundred_requests_a_second_fail_none_and_name_no_wrong_version(
    store: Store, rows: Rows, swapping: httpx.Client
) -> None:
    table = rows.features.head(60)
    answers = {
        str(number): load(store, version_of(store, number)).estimator.predict(table).tolist() for number in (1, 2, 3)
    }
    assert len({tuple(answer) for answer in answers.values()}) == 3  # so that each answer tells who gave it
    # The version, and when the way to it began and was done: between these two either may answer.
    swaps: list[tuple[str, float, float]] = [("2", 0.0, 0.0)]
    with Traffic(str(swapping.base_url), split(table)) as traffic:
        for number in range(SWAPS):
            following = str(number % 3 + 1)
            swapping.post("/models/wine/prepare", json={"version": following}).raise_for_status()
            moved = time.perf_counter()
            store.set_alias(version_of(store, following), WINE.promote.alias)
            assert swapping.post("/models/wine/swap").json() == {"version": following}
            swaps.append((following, moved, time.perf_counter()))
            count = len(traffic.seen)
            while len(traffic.seen) < count + RATE // 20:
                time.sleep(0.005)
        until(lambda: traffic.seen[-1].began >= swaps[-1][2], "a request began after the last swap")
    assert {seen.status for seen in traffic.seen} == {200}
    assert all(seen.predictions == answers[seen.version] for seen in traffic.seen)
    wrong = [
        seen
        for seen in traffic.seen
        for (current, _, done), (_, moved, _) in zip(swaps, [*swaps[1:], ("", np.inf, np.inf)], strict=True)
        if done <= seen.began and seen.ended <= moved and seen.version != current
    ]
    assert not wrong
    assert {seen.version for seen in traffic.seen} == {"1", "2", "3"}
    after = [seen.version for seen in traffic.seen if seen.began >= swaps[-1][2]]
    assert after
    assert set(after) == {swaps[-1][0]}


# On the holdout rows


@pytest.fixture
def trying(store: Store, desk: Project) -> ServedModel:
    """The place of a pipeline whose rows are here."""
    return ServedModel(store, WINE, desk)


def test_version_that_does_not_answer_as_it_was_validated_is_not_promoted_and_the_reason_is_recorded(
    trying: ServedModel, store: Store, rows: Rows, serve: Callable[..., str]
) -> None:
    crown(store, 1)
    address = serve({"wine": trying})
    with httpx.Client(base_url=address, timeout=60) as client:
        client.post("/models/wine/swap").raise_for_status()
        for number, value in ((2, 0.1), (3, 0.999999)):
            recorded = Measured(rows.holdout_digest, WINE.promote.metric, value)
            store.tag(version_of(store, number), recorded.tag | {"validation_status": "passed"})
        answer = client.post("/models/wine/prepare", json={"version": "3"})
        assert_refused(answer, 422, "does not answer as it did when it was validated", "was 0.999999")
        decision = promote(store, WINE, rows, Hosting(address, "wine"))
        assert decision.champion == "1"
        assert store.champion("wine", WINE.promote).version == version_of(store, 1)
        tags = version_of(store, 3).tags
        assert tags["validation_status"] == "failed"
        assert "does not answer as it did when it was validated" in tags["validation_reasons"]
        assert client.post(PREDICT, content=one_row(rows)).headers[VERSION_HEADER] == "1"


def test_version_that_was_validated_is_prepared(trying: ServedModel, store: Store, rows: Rows) -> None:
    crown(store, 1)
    best = promote(store, WINE, rows, None).champion  # validates
    assert best in ("2", "3")
    recorded = measured_of(version_of(store, best))
    assert recorded is not None
    assert recorded.same_scale(WINE.promote, rows.holdout_digest)
    trying.prepare(best)


def test_requests_must_be_answered_as_by_the_estimator_itself(rows: Rows) -> None:
    forest = RandomForestClassifier(n_estimators=5, random_state=1).fit(*rows.part("train"))
    loaded = version(forest, rows.features.head(3))
    predictor = Predictor(loaded)
    try_out(loaded, predictor, rows, WINE.promote)
    predictor._kernel = lambda given, _: (np.zeros(len(given), int), np.eye(3)[np.zeros(len(given), int)])
    with pytest.raises(UserError, match="requests would be answered otherwise than by the estimator itself"):
        try_out(loaded, predictor, rows, WINE.promote)


# A restart


def damage(folder: Path) -> None:
    """Change one byte of a model."""
    (model,) = folder.rglob("model.skops")
    content = bytearray(model.read_bytes())
    content[len(content) // 2] ^= 1
    model.write_bytes(content)


def test_restarted_server_answers_with_the_champion_although_mlflow_is_away(
    trying: ServedModel, store: Store, rows: Rows, desk: Project, monkeypatch: pytest.MonkeyPatch,
    serve: Callable[..., str],
) -> None:  # fmt: skip
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    for number in (3, 2):
        crown(store, number)
        trying.follow()
    assert trying.shelf is not None
    kept = trying.shelf.last("wine")
    assert kept is not None
    assert [path.name for path in (trying.shelf.folder / "wine").iterdir() if path.is_dir()] == [kept.digest]

    restarted = ServedModel(Store("http://127.0.0.1:9"), WINE, desk)
    with httpx.Client(base_url=serve({"wine": restarted}, follow_seconds=0.05), timeout=60) as client:
        while (answer := client.post(PREDICT, json=split(rows.features))).status_code == 503:
            time.sleep(0.02)
        assert answer.headers[VERSION_HEADER] == "2"
        expected = load(store, version_of(store, 2)).estimator.predict(rows.features).tolist()
        assert answer.json() == {"predictions": expected}
        assert client.get("/models/wine").json()["metrics"] == store.metrics(version_of(store, 2))
        restarted.store = store  # MLflow is back
        store.set_alias(version_of(store, 3), WINE.promote.alias)
        assert client.post("/models/wine/swap").json() == {"version": "3"}


def test_champion_that_was_damaged_where_it_was_kept_is_not_served(
    trying: ServedModel, store: Store, desk: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    crown(store, 2)
    trying.follow()
    assert trying.shelf is not None
    damage(trying.shelf.folder / "wine")
    restarted = ServedModel(Store("http://127.0.0.1:9"), WINE, desk)
    with pytest.raises(Exception, match=r"127\.0\.0\.1"):
        restarted.follow()
    assert restarted.current is None
    assert restarted.trouble == "version 2 of 'wine' is not as it was kept"
    restarted.store = store
    restarted.follow(at_once=True)
    assert restarted.current is not None
    assert restarted.trouble == ""


def test_full_disk_beside_the_server_stops_nobody(
    trying: ServedModel, store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    crown(store, 2)
    monkeypatch.setattr("shutil.copytree", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    trying.follow()
    assert trying.current is not None
    assert "is not kept for a restart" in caplog.text
