"""The model server's HTTP interface: MLflow's scoring protocol, health, metrics, and the promotion's door."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Annotated, Any

from fastapi import Body, FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi_offline import FastAPIOffline
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import scoring_server
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.exceptions import HTTPException

from dropforge.documents import UserError
from dropforge.registry.models import Loaded
from dropforge.serving.models import Models, ServedModel

log = logging.getLogger(__name__)

FOLLOW_SECONDS = 1.0
LOOK_SECONDS = 0.5  # so that a new pipeline is known within a second
VERSION_HEADER = "X-Model-Version"


class Refusal(Exception):
    """A request that cannot be answered: status, what is wrong, what to do."""

    def __init__(self, status: int, message: str, remedy: str) -> None:
        super().__init__(message)
        self.status, self.message, self.remedy = status, message, remedy


class Meters:
    """What ``/metrics`` counts."""

    def __init__(self, models: Models) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_Versions(models))
        self.requests = Counter(
            "dropforge_requests", "Predictions asked for", ["pipeline", "status"], registry=self.registry
        )
        self.seconds = Histogram("dropforge_request_seconds", "Seconds to answer", ["pipeline"], registry=self.registry)
        self.swaps = Counter("dropforge_swaps", "Versions swapped in", ["pipeline"], registry=self.registry)


class _Versions(Collector):
    """Tells which version answers, of the pipelines that are served at that moment."""

    def __init__(self, models: Models) -> None:
        self.models = models

    def collect(self) -> Iterable[GaugeMetricFamily]:
        gauge = GaugeMetricFamily("dropforge_model_version", "The version that answers", labels=["pipeline"])
        for name, model in self.models.served.items():
            if model.current:
                gauge.add_metric([name], model.current.version.number)
        yield gauge


def create_app(models: Models, follow_seconds: float = FOLLOW_SECONDS) -> FastAPI:
    """Return the server of ``models``.

    It follows each pipeline's alias every ``follow_seconds``; a promotion does not wait for that, but asks for the
    swap itself. Beside that it takes up pipelines that come, go or change.
    """
    meters = Meters(models)
    complaints: dict[str, str] = {}

    def follow(model: ServedModel, *, at_once: bool = False) -> None:
        swap = model.follow(at_once=at_once)
        if swap:
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
            for name, model in models.served.items():
                await attempt(f"{name}: the alias cannot be followed", follow, model)
            await asyncio.sleep(follow_seconds)

    async def look_for_ever() -> None:
        while True:
            await attempt("the pipelines cannot be read", models.look)
            await asyncio.sleep(LOOK_SECONDS)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        # Apart from each other: a model that loads for long holds no new pipeline up.
        tasks = [asyncio.create_task(follow_for_ever()), asyncio.create_task(look_for_ever())]
        yield
        for task in tasks:
            task.cancel()

    # The pages of /docs bring their scripts themselves: nothing is fetched from elsewhere.
    app: FastAPI = FastAPIOffline(title="Dropforge model server", lifespan=lifespan, description=_ABOUT)
    _handle_errors(app)

    def known(pipeline: str) -> ServedModel:
        served = models.served
        if pipeline not in served:
            raise Refusal(404, f"there is no pipeline '{pipeline}' here", _names(served))
        return served[pipeline]

    async def answer(pipeline: str, request: Request) -> Response:
        started = time.perf_counter()
        status = 500
        try:
            loaded = current(known(pipeline))
            response = await run_in_threadpool(
                _predict,
                loaded,
                await request.body(),
                request.headers.get("content-type", "application/json"),
            )
            response.headers[VERSION_HEADER] = loaded.version.version
            status = response.status_code
        except Refusal as refusal:
            status = refusal.status
            raise
        else:
            return response
        finally:
            if pipeline in models.served:
                meters.requests.labels(pipeline, str(status)).inc()
                meters.seconds.labels(pipeline).observe(time.perf_counter() - started)

    @app.get("/health", summary="Whether the server lives")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/ready", summary="Whether every pipeline answers")
    def ready() -> dict[str, dict[str, str]]:
        served = models.served
        if not served:
            raise Refusal(
                503, "no pipeline is hosted", "Set host.enabled in pipelines.yaml, then run 'dropforge generate'."
            )
        return {"versions": {name: current(model).version.version for name, model in served.items()}}

    @app.get("/metrics", summary="Counters for Prometheus", response_class=Response)
    def metrics() -> Response:
        return Response(generate_latest(meters.registry), media_type=CONTENT_TYPE_LATEST)

    @app.get("/models", summary="What is served")
    def overview() -> dict[str, str | None]:
        served = models.served.items()
        return {name: loaded.version.version if (loaded := model.current) else None for name, model in served}

    @app.get("/models/{pipeline}", summary="The version that answers: metrics and signature")
    def describe(pipeline: str) -> dict[str, Any]:
        model = known(pipeline)
        loaded = current(model)
        return {
            "name": pipeline,
            "version": loaded.version.version,
            "estimator": loaded.version.tags.get("estimator"),
            "config_file": loaded.version.tags.get("config_file"),
            "metrics": model.metrics,
            "signature": loaded.signature.to_dict() if loaded.signature else None,
        }

    body = {"requestBody": {"content": {"application/json": {"example": {"dataframe_split": {
        "columns": ["a", "b"], "data": [[1.0, 2.0]]}}}}, "required": True}}  # fmt: skip

    @app.post("/models/{pipeline}/invocations", summary="Predict (MLflow's scoring protocol)", openapi_extra=body)
    async def invocations(pipeline: str, request: Request) -> Response:
        return await answer(pipeline, request)

    @app.post("/invocations", summary="The same, while one pipeline only is served", openapi_extra=body)
    async def only_invocations(request: Request) -> Response:
        served = models.served
        if len(served) != 1:
            raise Refusal(
                404,
                f"{len(served)} pipelines are served here, and this path names none",
                f"Ask /models/<pipeline>/invocations. {_names(served)}",
            )
        return await answer(next(iter(served)), request)

    @app.post("/models/{pipeline}/prepare", summary="Load a version and try it, before it becomes the champion")
    def prepare(pipeline: str, version: Annotated[str, Body(embed=True)]) -> dict[str, str]:
        known(pipeline).prepare(version)
        return {"prepared": version}

    @app.post("/models/{pipeline}/swap", summary="Follow the alias now")
    def swap(pipeline: str) -> dict[str, str]:
        model = known(pipeline)
        follow(model, at_once=True)
        return {"version": current(model).version.version}

    return app


def current(model: ServedModel) -> Loaded:
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


def _names(served: Iterable[str]) -> str:
    return f"This server serves: {', '.join(served) or 'none'}."


def _predict(loaded: Loaded, body: bytes, content_type: str) -> Response:
    signature = loaded.signature
    try:
        result = scoring_server.invocations(body, content_type, loaded.pyfunc, signature.inputs if signature else None)
    except MlflowException as error:
        unexpected = error.message.startswith("Encountered an unexpected error")
        message = f"the model cannot take these rows: {error.__context__}" if unexpected else _said(error.message)
        raise Refusal(400, message, f"GET /models/{loaded.version.name} shows the signature.") from error
    except RecursionError as error:
        raise Refusal(400, "the JSON is nested too deeply", "Send rows of plain values.") from error
    if result.status != 200:  # noqa: PLR2004 - HTTP's OK
        raise Refusal(result.status, _said(result.response), "Send application/json or text/csv in UTF-8.")
    return Response(result.response, media_type=result.mimetype)


def _said(text: str) -> str:
    """Return what MLflow says is wrong, without its echo of the request and its advice on MLflow 2.0."""
    text = text.partition("\nInput:")[0].partition(" IMPORTANT:")[0]
    return text.rpartition("Error: ")[2].strip(" '\n")


def _handle_errors(app: FastAPI) -> None:
    """One shape of error for every way a request can go wrong."""

    def shaped(status: int, message: str, remedy: str) -> JSONResponse:
        return JSONResponse({"error": {"status": status, "message": message, "remedy": remedy}}, status)

    @app.exception_handler(Refusal)
    async def refused(_: Request, error: Refusal) -> JSONResponse:
        return shaped(error.status, error.message, error.remedy)

    @app.exception_handler(UserError)
    async def mistake(_: Request, error: UserError) -> JSONResponse:
        return shaped(422, error.problems[0].message, error.problems[0].remedy)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        return shaped(400, f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}", "See /docs.")

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> JSONResponse:
        return shaped(error.status_code, str(error.detail), "See /docs.")

    @app.exception_handler(Exception)
    async def bug(_: Request, error: Exception) -> JSONResponse:
        log.exception("a request failed", exc_info=error)
        return shaped(500, "the server failed at this request", "Its log says why.")


_ABOUT = """Each pipeline answers with its champion; the header `X-Model-Version` names the version.

A promotion first has a version loaded and tried (`prepare`), then moves the alias, then has it swapped in
(`swap`); requests under way keep the version that they began with."""
