"""A project with its stack running, as the tests see it: files, Airflow's API, MLflow and HTTP."""

import contextlib
import os
import signal
import subprocess
import sys
from collections import Counter

import httpx
import psutil
from mlflow import MlflowClient

from generator.spec import read_spec
from tests import waiting
from tests.stack.points import Points

LONGEST = 120.0


def until(condition, what, longest=LONGEST):
    """Wait as long as a real stack may take, and return what ``condition`` gives."""
    return waiting.until(condition, what, longest)


class RunningProject:
    def __init__(self, home, spec):
        self.home = home
        (home / "pipelines.yaml").write_text(spec)
        self.spec = read_spec(home / "pipelines.yaml")
        foreign = ("DROPFORGE_", "MLFLOW_", "AIRFLOW_")
        self.points = Points(home / "points")
        self.environment = self.points.environment({k: v for k, v in os.environ.items() if not k.startswith(foreign)})
        self.process = None
        self.addresses = {}

    # The stack

    def up(self):
        command = [sys.executable, "-m", "dropforge.cli.main", "up"]
        command += [f"--{part}-port=0" for part in ("airflow", "mlflow", "server")]
        with (self.home / "up.log").open("a") as log:
            self.process = subprocess.Popen(  # noqa: S603
                command, cwd=self.home, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        before = self.said().count("Ctrl-C ends it")
        until(lambda: self.said().count("Ctrl-C ends it") > before or self.process.poll() is not None, "up", 300)
        assert self.process.poll() is None, self.said()
        self.addresses = self.record()["addresses"]
        self.mlflow = MlflowClient(self.addresses["mlflow"], self.addresses["mlflow"])
        self.airflow = httpx.Client(base_url=f"{self.addresses['airflow']}/api/v2", timeout=30)
        self.server = httpx.Client(base_url=self.addresses["server"])
        token = self.airflow.get(f"{self.addresses['airflow']}/auth/token").json()["access_token"]
        self.airflow.headers["Authorization"] = f"Bearer {token}"

    def down(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)  # Ctrl-C
            self.process.wait(60)

    def clear(self):
        """End what is left of the stack, and return it: nothing, where all is as it must be."""
        left = self.strays()
        for pid, _ in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return left

    def said(self):
        log = self.home / "up.log"
        return log.read_text() if log.exists() else ""

    def record(self):
        import json

        return json.loads((self.home / ".dropforge" / "stack.json").read_text())

    def strays(self):
        """Return the processes that still work in this project's folder."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                words = " ".join(process.cmdline()) + process.environ().get("DROPFORGE_HOME", "")
                if str(self.home) in words and process.pid != os.getpid():
                    found.append((process.pid, process.cmdline()))
        return found

    def cli(self, *arguments, code=0):
        command = [sys.executable, "-m", "dropforge.cli.main", *arguments]
        done = subprocess.run(command, cwd=self.home, env=self.environment, capture_output=True, text=True, check=False)  # noqa: S603
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    # The watch folders

    def watch(self, pipeline):
        return self.home / self.spec.pipeline(pipeline).train.watch

    def drop(self, pipeline, **configs):
        """Drop configs as an upload would: written aside, and moved in. ``a_yaml="..."`` is the file a.yaml."""
        for name, text in configs.items():
            file = ".".join(name.rsplit("_", 1))
            draft = self.watch(pipeline) / f".{file}"
            draft.write_text(text)
            draft.rename(self.watch(pipeline) / file)

    def filed(self, pipeline, *files, folder="done"):
        """Wait until files are filed away, and return where."""
        places = [self.watch(pipeline) / folder / file for file in files]
        until(lambda: all(place.exists() for place in places), f"{files} in {folder}/ of {pipeline}", 240)
        return places

    def waiting(self, pipeline):
        return sorted(p.name for p in self.watch(pipeline).iterdir() if p.is_file())

    # Airflow

    def runs(self, dag, **wanted):
        return self.airflow.get(f"/dags/{dag}/dagRuns", params={"limit": 100, **wanted}).json()["dag_runs"]

    def tasks(self, dag, run="~"):
        answer = self.airflow.get(f"/dags/{dag}/dagRuns/{run}/taskInstances", params={"limit": 100})
        return answer.json()["task_instances"]

    def train_task(self, dag, label):
        """Return the newest mapped task that carries ``label``, or None."""
        found = [t for t in self.tasks(dag) if t["task_id"] == "train" and t["rendered_map_index"] == label]
        return max(found, key=lambda t: t["start_date"] or "") if found else None

    def idle(self, *dags):
        """Wait until no run of the DAGs is at work; while Airflow does not answer, nobody knows."""

        def at_work(dag):
            try:
                return self.runs(dag, state=["running", "queued"], limit=1)
            except httpx.TransportError:
                return True

        until(lambda: not any(at_work(dag) for dag in dags), f"no run of {dags}", 240)

    def pause(self, dag, paused):
        self.airflow.patch(f"/dags/{dag}", json={"is_paused": paused}).raise_for_status()

    # MLflow and the model server

    def versions(self, pipeline):
        return sorted(self.mlflow.search_model_versions(f"name='{pipeline}'"), key=lambda v: int(v.version))

    def champion(self, pipeline):
        """Return the version that holds the alias, or None."""
        for version in self.versions(pipeline):
            if "production" in self.mlflow.get_model_version(pipeline, version.version).aliases:
                return version.version
        return None

    def staged(self, pipeline):
        """Return the versions that are in the stage."""
        return [version.version for version in self.versions(pipeline) if version.current_stage == "Production"]

    def running(self, pipeline):
        """Return the MLflow runs that have not ended."""
        experiment = self.mlflow.get_experiment_by_name(pipeline)
        found = experiment and self.mlflow.search_runs([experiment.experiment_id], "attributes.status = 'RUNNING'")
        return [run.info.run_id for run in found or []]

    def served(self, pipeline):
        try:
            return self.server.get(f"/models/{pipeline}").json().get("version")
        except httpx.HTTPError:
            return None

    def predict(self, pipeline, client=httpx):
        from dropforge.data import load

        rows = load(self.spec.pipeline(pipeline).data, self.home).part("holdout")[0].head(2)
        body = {"dataframe_split": rows.to_dict(orient="split", index=False)}
        return client.post(f"{self.addresses['server']}/models/{pipeline}/invocations", json=body)

    def assert_sound(self):
        names = [model.name for model in self.mlflow.search_registered_models()]
        for name in names:
            digests = Counter(version.tags["config_digest"] for version in self.versions(name))
            assert max(digests.values()) == 1, f"{name}: a candidate has two versions"
            until(lambda name=name: not self.running(name), f"{name}: no run is left RUNNING")
            staged = self.staged(name)
            assert len(staged) <= 1, f"{name}: more than one champion"
            if holder := self.champion(name):
                assert staged == [holder], f"{name}: alias and stage differ"
                until(lambda name=name, holder=holder: self.served(name) == holder, f"{name} {holder} served")
