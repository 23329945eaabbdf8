"""Predictions over HTTP, against `mlflow models serve` and MLServer: same model, rows, client, number of processes.

The load generator is wrk (`apt-get install wrk`), on the same machine. MLServer is measured where the variable
BENCH_MLSERVER names the Python of an environment that holds mlserver, mlserver-sklearn and scikit-learn in
the version of ours; it needs other versions of what is in our own.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from sklearn.datasets import load_wine

from benchmarks.figures import Aim, Figure
from benchmarks.stack import Options

PIPELINES = {
    "linear": "{class: LogisticRegression, params: {max_iter: 5000}}",
    "forest": "{class: RandomForestClassifier, params: {n_estimators: 100}}",
    "boosted": "{class: HistGradientBoostingClassifier}",
}
_SPEC = """
version: 1
defaults: {data: {source: sklearn.datasets.load_wine, target: target}, promote: {schedule: "@yearly", minimum: null}}
pipelines: {linear: {}, forest: {}, boosted: {}}
"""
# At least so many times the requests of `mlflow models serve`, by connections.
TIMES = {16: {"linear": 25, "forest": 12, "boosted": 20}, 4: {"linear": 15, "forest": 4, "boosted": 8}}
TAIL = 10
BATCH = 1000
BATCH_TIMES = {"linear": 1 / 5}
BATCH_OWN = {"forest": 1.3, "boosted": 1.3}
_SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local file = io.open("{body}")
wrk.body = file:read("*a")
"""
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


@dataclass(frozen=True)
class Load:
    """What wrk saw: seconds for each request, and the 99th percentile of latency in seconds."""

    seconds: float
    p99: float


def run(options: Options) -> list[Figure]:
    """Return seconds for a request and 99th percentiles, for single rows and batches."""
    if shutil.which("wrk") is None:
        raise RuntimeError("wrk is not here: apt-get install wrk")
    # `predict` is asked with the array itself, on purpose.
    warnings.filterwarnings("ignore", message="X does not have valid feature names")
    seconds, rounds = options.size(2.0, 1.0), options.repetitions(5, 1)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="dropforge-bench-serve-") as name, contextlib.ExitStack() as stack:
        home = Path(name)
        _train(home)
        ours = stack.enter_context(_ours(home))
        bodies = _bodies(home)
        for pipeline in PIPELINES:
            options.say(pipeline)
            address = f"{ours}/models/{pipeline}/invocations"
            with _mlflow(home, pipeline) as theirs, _mlserver(home, pipeline) as third:
                servers = {"dropforge": (address, bodies["row"]), "mlflow models serve": (theirs, bodies["row"])}
                if third:
                    servers["MLServer"] = (third, bodies["row of MLServer"])
                for connections in TIMES:
                    figures += _single(options, pipeline, connections, servers, seconds, rounds)
                figures += _batch(options, home, pipeline, address, theirs, bodies["batch"], seconds, rounds)
    return figures


def _single(
    options: Options, pipeline: str, connections: int, servers: dict[str, tuple[str, Path]], seconds: float, rounds: int
) -> list[Figure]:
    found: dict[str, list[Load]] = {name: [] for name in servers}
    for address, script in servers.values():
        _wrk(address, script, connections, 1.0)  # unmeasured
    for number in range(rounds):
        for name, (address, script) in servers.items():
            found[name].append(_wrk(address, script, connections, seconds))
        said = ", ".join(f"{name} {1 / loads[-1].seconds:.0f}/s" for name, loads in found.items())
        options.say(f"{pipeline}, {connections} connections, {number + 1} of {rounds}: {said}")
    what = f"{pipeline}, {connections} connections"
    (mine, *others) = servers
    figures = []
    for other in others:
        times = TIMES[connections][pipeline] if other == "mlflow models serve" else 1
        figures.append(
            Figure(
                f"{what}: a row", "ms", _column(found[mine], "seconds"), other, _column(found[other], "seconds"),
                Aim("ratio", 1 / times),
            )
        )  # fmt: skip
        aim = Aim("ratio", 1 / TAIL) if other == "mlflow models serve" else Aim("ratio", 1)
        figures.append(
            Figure(f"{what}: p99", "ms", _column(found[mine], "p99"), other, _column(found[other], "p99"), aim)
        )
    return figures


def _batch(
    options: Options, home: Path, pipeline: str, ours: str, theirs: str, script: Path, seconds: float, rounds: int
) -> list[Figure]:
    estimator, rows = _estimator(home, pipeline), _table(BATCH).to_numpy()
    mine, other, own = [], [], []
    for address in (ours, theirs):
        _wrk(address, script, 1, 1.0)
    estimator.predict(rows)
    for number in range(rounds):
        mine.append(_wrk(ours, script, 1, seconds).seconds * 1000)
        other.append(_wrk(theirs, script, 1, seconds).seconds * 1000)
        own.append(_median_seconds(lambda: estimator.predict(rows), seconds / 3) * 1000)
        options.say(
            f"{pipeline}, {BATCH} rows, {number + 1} of {rounds}: {mine[-1]:.2f} ms, mlflow {other[-1]:.2f} ms, "
            f"predict {own[-1]:.2f} ms"
        )
    what = f"{pipeline}: {BATCH} rows"
    limit, limit_own = BATCH_TIMES.get(pipeline), BATCH_OWN.get(pipeline)
    return [
        Figure(what, "ms", tuple(mine), "mlflow models serve", tuple(other), Aim("ratio", limit) if limit else None),
        Figure(what, "ms", tuple(mine), "predict", tuple(own), Aim("ratio", limit_own) if limit_own else None),
    ]


def _column(loads: list[Load], name: str) -> tuple[float, ...]:
    return tuple(getattr(load, name) * 1000 for load in loads)


def _median_seconds(call: Callable[[], Any], longest: float) -> float:
    times, end = [], time.perf_counter() + longest
    while not times or time.perf_counter() < end:
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def _wrk(address: str, script: Path, connections: int, seconds: float) -> Load:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--latency", "-s", str(script), address]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603
    if "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(f"{address} did not answer well:\n{said}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", said)
    if rate is None or p99 is None or float(rate[1]) == 0:
        raise RuntimeError(f"wrk said what is not understood:\n{said}")
    return Load(1 / float(rate[1]), float(p99[1]) * _UNITS[p99[2]])


# What is served


def _table(count: int) -> Any:
    features, _ = load_wine(return_X_y=True, as_frame=True)
    return features.iloc[np.arange(count) % len(features)]


def _bodies(home: Path) -> dict[str, Path]:
    """Write what is sent, and a script of wrk for each; return the scripts."""
    row = _table(1)
    contents = {
        "row": {"dataframe_split": row.to_dict(orient="split", index=False)},
        "batch": {"dataframe_split": _table(BATCH).to_dict(orient="split", index=False)},
        "row of MLServer": {
            "inputs": [
                {"name": "predict", "shape": [1, row.shape[1]], "datatype": "FP64", "data": row.to_numpy().tolist()}
            ]
        },
    }
    scripts = {}
    for name, content in contents.items():
        body = home / f"{name}.json"
        body.write_text(json.dumps(content))
        scripts[name] = home / f"{name}.lua"
        scripts[name].write_text(_SCRIPT.format(body=body))
    return scripts


def _train(home: Path) -> None:
    """Train a model for each pipeline and make it the champion."""
    from dropforge.configs import read_candidates
    from dropforge.data import load
    from dropforge.estimators import Allowed
    from dropforge.project import Project
    from dropforge.registry import Store
    from dropforge.training import Trainer
    from generator.spec import read_spec

    (home / "pipelines.yaml").write_text(_SPEC)
    project = Project(home)
    for pipeline in read_spec(home / "pipelines.yaml").pipelines:
        config = PIPELINES[pipeline.name].encode()
        (candidate,) = read_candidates(config, f"{pipeline.name}.yaml", Allowed.of(pipeline.train))
        with Trainer(pipeline, load(pipeline.data, home), project) as trainer:
            outcome = trainer.train(candidate, config)
        if outcome.version is None:
            raise RuntimeError(outcome.error)
        store = Store.connect(project)
        version = store.version(pipeline.name, outcome.version)
        if version is None:
            raise RuntimeError(f"version {outcome.version} of {pipeline.name} is gone")
        store.set_alias(version, pipeline.promote.alias)


def _artifact(home: Path, pipeline: str) -> Path:
    (found,) = (home / ".dropforge" / "artifacts" / pipeline).rglob("MLmodel")
    return found.parent


def _estimator(home: Path, pipeline: str) -> Any:
    from dropforge.registry import Version
    from dropforge.registry.models import load_folder

    return load_folder(_artifact(home, pipeline), Version(pipeline, "1", {}, "", None)).estimator


# Servers


@contextlib.contextmanager
def _ours(home: Path) -> Iterator[str]:
    port = _free_port()
    command = [sys.executable, "-m", "dropforge.cli.main", "serve", "--port", str(port)]
    with _process(command, home, "dropforge", f"http://127.0.0.1:{port}/ready"):
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def _mlflow(home: Path, pipeline: str) -> Iterator[str]:
    port = _free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(_artifact(home, pipeline))]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    with _process(command, home, f"mlflow-{pipeline}", f"http://127.0.0.1:{port}/health"):
        yield f"http://127.0.0.1:{port}/invocations"


@contextlib.contextmanager
def _mlserver(home: Path, pipeline: str) -> Iterator[str | None]:
    python = os.environ.get("BENCH_MLSERVER")
    if not python:
        yield None
        return
    folder, port = home / f"mlserver-{pipeline}", _free_port()
    folder.mkdir()
    estimator = _estimator(home, pipeline)
    import joblib

    joblib.dump(estimator, folder / "model.joblib")
    about = {
        "name": pipeline,
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": "./model.joblib"},
    }
    settings = {
        "debug": False, "parallel_workers": 0, "host": "127.0.0.1", "http_port": port, "grpc_port": _free_port(),
        "metrics_port": _free_port(),
    }  # fmt: skip
    (folder / "model-settings.json").write_text(json.dumps(about))
    (folder / "settings.json").write_text(json.dumps(settings))
    command = [str(Path(python).with_name("mlserver")), "start", str(folder)]
    with _process(command, home, f"mlserver-{pipeline}", f"http://127.0.0.1:{port}/v2/models/{pipeline}/ready"):
        yield f"http://127.0.0.1:{port}/v2/models/{pipeline}/infer"


@contextlib.contextmanager
def _process(command: list[str], home: Path, name: str, ready: str) -> Iterator[None]:
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "1"}
    # `mlflow models serve` starts uvicorn by its name.
    path = {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])}
    with (home / f"{name}.log").open("w") as log:
        process = subprocess.Popen(  # noqa: S603
            command, cwd=home, env=os.environ | quiet | path, stdout=log, stderr=log, start_new_session=True
        )
    try:
        deadline = time.monotonic() + 120
        while not _answers(ready):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{name} does not start:\n{(home / f'{name}.log').read_text()[-3000:]}")
            time.sleep(0.2)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).is_success
    except httpx.HTTPError:
        return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
