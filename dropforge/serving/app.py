"""The model server's HTTP interface: predictions by two protocols, health, metrics, and the promotion's door."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib.metadata
import logging
import os
import warnings
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Annotated, Any

import mlflow
from fastapi import Body, FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.routing import Route

from dropforge.documents import UserError
from dropforge.serving import inference, openapi
from dropforge.serving.errors import JSON, Refusal, content
from dropforge.serving.front import Front, Limits, Note
from dropforge.serving.meters import Meters
from dropforge.serving.models import Models, Served, ServedModel
from dropforge.serving.predictions import Inference, Invocations, Predictions, is_version
from dropforge.serving.predictor import one_thread

log = logging.getLogger(__name__)

VERSION = importlib.metadata.version("dropforge")
FOLLOW_SECONDS = 1.0
MOST_OF_MLFLOW = 0.05  # of its time, by asking who is champion
LOOK_SECONDS = 0.5  # so that a new pipeline is known within a second


def create_app(
    models: Models, follow_seconds: float = FOLLOW_SECONDS, limits: Limits | None = None, token: str | None = None
) -> Front:
    """Return the server of ``models``.

    It asks MLflow once for the champions of all pipelines and follows those that moved, then sleeps ``follow_seconds``,
    or 20 times as long as the question took, if that is more. A promotion does not wait for that, but asks for the swap
    itself. Beside that it takes up pipelines that come, go or change.

    Parameters
    ----------
    models : Models
        What is served.
    follow_seconds : float
        The least pause between two questions.
    limits : Limits, optional
        What a request may cost.
    token : str, optional
        What a request must bear.
    """
    # The order of the columns is checked by us; the estimators get arrays.
    warnings.filterwarnings("ignore", message="X does not have valid feature names")
    limits = limits or Limits()
    meters = Meters(models)
    complaints: dict[str, str] = {}
    pool = ThreadPoolExecutor(os.cpu_count() or 1, "predict")

    def follow(model: ServedModel, *, at_once: bool = False) -> None:
        swap = model.follow(at_once=at_once)
        if swap:
            # What is loaded by now stays: a full collection later on would only stop the requests.
            gc.collect()
            gc.freeze()
            models.spare()
            meters.swaps.labels(swap.pipeline).inc()
            log.info(
                "%s: version %s answers now (before: %s)",
                swap.pipeline,
                swap.version,
                swap.previous or "none",
            )

    async def attempt(what: str, do: Callable[..., None], *arguments: Any) -> None:
        """Do it in a thread; if it fails, things stay as they are, and that is said once."""
        try:
            await run_in_threadpool(do, *arguments)
            complaints.pop(what, None)
        except Exception as error:
            if complaints.get(what) != str(error):
                complaints[what] = str(error)
                log.warning("%s: %s", what, error)

    async def follow_for_ever() -> None:
        while True:
            began = monotonic()
            behind = await run_in_threadpool(models.behind)
            took = monotonic() - began
            for name, model in models.served.items():
                what = f"{name}: the alias cannot be followed"
                if name not in behind:
                    complaints.pop(what, None)
                elif not model.busy:  # a version that loads for long holds no other pipeline up
                    await attempt(what, follow, model)
            # Where there are many, less often: MLflow is to answer others as well.
            await asyncio.sleep(max(follow_seconds, took / MOST_OF_MLFLOW))

    async def look_for_ever() -> None:
        while True:
            await attempt("the pipelines cannot be read", models.look)
            await asyncio.sleep(LOOK_SECONDS)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        one_thread()  # in the event loop's thread; a large batch, in the pool's, may take the cores
        # Apart from each other: a model that loads for long holds no new pipeline up.
        tasks = [asyncio.create_task(follow_for_ever()), asyncio.create_task(look_for_ever())]
        yield
        for task in tasks:
            task.cancel()
        pool.shutdown(cancel_futures=True)

    # The pages of /docs bring their scripts themselves: nothing is fetched from elsewhere.
    app: FastAPI = FastAPIOffline(
        title="Dropforge model server", version=VERSION, lifespan=lifespan, description=_ABOUT
    )
    _handle_errors(app)

    def known(pipeline: str) -> ServedModel:
        served = models.served
        if pipeline not in served:
            raise Refusal(404, f"there is no pipeline '{pipeline[:100]}' here", _names(served), "pipeline")
        return served[pipeline]

    waking: dict[str, asyncio.Task[Served]] = {}

    async def woken(pipeline: str, model: ServedModel) -> Served:
        """Return the version of a pipeline that rests; it is loaded once, however many ask."""
        task = waking.get(pipeline)
        if task is None:
            task = waking[pipeline] = asyncio.create_task(run_in_threadpool(awake, model))
            task.add_done_callback(lambda _: waking.pop(pipeline, None))
        found = await asyncio.shield(task)
        models.spare()
        return found

    async def answering(pipeline: str | None, note: Note) -> Served:
        """Return the version that answers for a pipeline, or for the only one."""
        served = models.served
        if pipeline is None:
            if len(served) != 1:
                raise Refusal(
                    404,
                    f"{len(served)} pipelines are served here, and this path names none",
                    f"Ask /models/<pipeline>/invocations. {_names(served)}",
                )
            pipeline = next(iter(served))
        model = known(pipeline)
        note.pipeline = pipeline
        model.used = monotonic()
        found = model.current
        if found is None and model.resting:
            found = await woken(pipeline, model)
        if found is None:
            found = current(model)
        note.version = found.version.version
        return found

    predictions = Predictions(answering, limits, pool)
    invocations, infer = Invocations(predictions), Inference(predictions)
    generic: list[tuple[str, Any, str]] = [
        ("/models/{pipeline}/invocations", invocations, "Predict (MLflow's scoring protocol)"),
        ("/invocations", invocations, "Predict, while one pipeline only is served"),
        ("/v2/models/{pipeline}/infer", infer, "Predict (Open Inference Protocol)"),
        (
            "/v2/models/{pipeline}/versions/{version}/infer",
            infer,
            "Predict, if that version answers (Open Inference Protocol)",
        ),
    ]
    # First in the list, as they are asked most.
    for path, door, _ in generic:
        app.router.routes.append(Route(path, endpoint=door, methods=["POST"], include_in_schema=False))

    @app.get("/health", tags=["health"], summary="Whether the server lives")
    @app.get("/ping", tags=["health"], summary="The same, for MLflow's clients", include_in_schema=False)
    @app.get("/v2/health/live", tags=["health"], summary="Whether the server lives (Open Inference Protocol)")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/ready", tags=["health"], summary="Whether every pipeline answers")
    @app.get("/v2/health/ready", tags=["health"], summary="Whether every pipeline answers (Open Inference Protocol)")
    def ready() -> dict[str, dict[str, str]]:
        served = models.served
        if not served:
            raise Refusal(
                503, "no pipeline is hosted", "Set host.enabled in pipelines.yaml, then run 'dropforge generate'."
            )
        return {"versions": {name: (model.version or current(model).version).version for name, model in served.items()}}

    @app.get("/version", tags=["health"], summary="MLflow's version, for its clients", response_class=Response)
    def version() -> Response:
        return Response(mlflow.__version__, media_type="text/plain")

    @app.get("/metrics", tags=["health"], summary="Counters for Prometheus", response_class=Response)
    def metrics() -> Response:
        return Response(generate_latest(meters.registry), media_type=CONTENT_TYPE_LATEST)

    @app.get("/models", tags=["models"], summary="What is served")
    def overview() -> dict[str, str | None]:
        served = models.served.items()
        return {name: found.version if (found := model.version) else None for name, model in served}

    @app.get("/models/{pipeline}", tags=["models"], summary="The version that answers: metrics and signature")
    def describe(pipeline: str) -> dict[str, Any]:
        model = known(pipeline)
        loaded = awake(model).loaded
        return {
            "name": pipeline,
            "version": loaded.version.version,
            "estimator": loaded.version.tags.get("estimator"),
            "config_file": loaded.version.tags.get("config_file"),
            "metrics": model.metrics,
            "signature": loaded.signature.to_dict() if loaded.signature else None,
        }

    @app.get("/v2", tags=["models"], summary="About the server (Open Inference Protocol)")
    def server() -> dict[str, Any]:
        return {"name": "dropforge", "version": VERSION, "extensions": inference.EXTENSIONS}

    @app.get("/v2/models/{pipeline}", tags=["models"], summary="What a model takes and gives (Open Inference Protocol)")
    @app.get("/v2/models/{pipeline}/versions/{version}", tags=["models"], summary="What a version takes, if it answers")
    def describe_v2(pipeline: str, version: str | None = None) -> dict[str, Any]:
        model = known(pipeline)
        found = awake(model)
        is_version(found.version, version)
        return inference.describe(pipeline, found.version.version, found.predictor)

    @app.get("/v2/models/{pipeline}/ready", tags=["health"], summary="Whether one answers (Open Inference Protocol)")
    @app.get(
        "/v2/models/{pipeline}/versions/{version}/ready",
        tags=["health"],
        summary="Whether a version answers (Open Inference Protocol)",
    )
    def ready_v2(pipeline: str, version: str | None = None) -> dict[str, Any]:
        model = known(pipeline)
        is_version(model.version or current(model).version, version)
        return {"name": pipeline, "ready": True}

    @app.post(
        "/models/{pipeline}/prepare",
        tags=["promotion"],
        summary="Load a version and try it, before it becomes the champion",
    )
    def prepare(pipeline: str, version: Annotated[str, Body(embed=True)]) -> dict[str, str]:
        known(pipeline).prepare(version)
        return {"prepared": version}

    @app.post("/models/{pipeline}/swap", tags=["promotion"], summary="Follow the alias now")
    def swap(pipeline: str) -> dict[str, str]:
        model = known(pipeline)
        follow(model, at_once=True)
        return {"version": (model.version or current(model).version).version}

    fastapis = app.openapi

    def document() -> dict[str, Any]:
        app.openapi_schema = None  # FastAPI would keep the first; models come and go
        answer = {name: model.current for name, model in models.served.items() if model.current}
        return openapi.document(fastapis(), answer, [(path, "POST", summary) for path, _, summary in generic])

    app.openapi = document  # type: ignore[method-assign]
    return Front(app, limits, token, meters.count)


def current(model: ServedModel) -> Served:
    """Return what a pipeline serves now, or refuse with what to do."""
    if model.current is None:
        name, settings = model.pipeline.name, model.pipeline
        if model.trouble:
            raise Refusal(503, model.trouble, "Train it again, or give the alias to another version.")
        raise Refusal(
            503,
            f"'{name}' has no champion yet",
            f"Drop a config into {settings.train.watch}; the first version that passes validation is served.",
        )
    return model.current


def awake(model: ServedModel) -> Served:
    """Return what a pipeline serves now, loaded again if it rests, or refuse with what to do."""
    try:
        found = model.wake()
    except UserError as error:
        raise Refusal(503, error.problems[0].message, error.problems[0].remedy) from error
    return found or current(model)


def _names(served: Iterable[str]) -> str:
    return f"This server serves: {', '.join(served) or 'none'}."


def _handle_errors(app: FastAPI) -> None:
    """One shape of error for every way a request can go wrong."""

    def shaped(refusal: Refusal) -> Response:
        body = content(refusal.status, refusal.message, refusal.remedy, refusal.field, refusal.row)
        return Response(body, refusal.status, refusal.headers, JSON)

    @app.exception_handler(Refusal)
    async def refused(_: Request, error: Refusal) -> Response:
        return shaped(error)

    @app.exception_handler(UserError)
    async def mistake(_: Request, error: UserError) -> Response:
        return shaped(Refusal(422, error.problems[0].message, error.problems[0].remedy))

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        return shaped(Refusal(400, f"{field}: {first['msg']}", "See /docs.", field))

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> Response:
        return shaped(Refusal(error.status_code, str(error.detail), "See /docs.", headers=dict(error.headers or {})))

    @app.exception_handler(Exception)
    async def bug(_: Request, error: Exception) -> Response:
        log.exception("a request failed", exc_info=error)
        return shaped(Refusal(500, "the server failed at this request", "Its log says why."))


_ABOUT = """Each pipeline answers with its champion; the header `X-Model-Version` names the version.

A promotion first has a version loaded and tried (`prepare`), then moves the alias, then has it swapped in
(`swap`); requests under way keep the version that they began with."""
