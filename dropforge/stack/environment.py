"""What the stack's parts run in: Airflow's settings, addresses, no telemetry, and a collector that seldom looks."""

from __future__ import annotations

import base64
import gc
import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from dropforge.project import HOME_VARIABLE, Project
from dropforge.stack.ports import Addresses

NO_TELEMETRY = {
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "SCARF_ANALYTICS": "false",
    "SCARF_NO_ANALYTICS": "true",
}

# MLflow's server keeps a pool of processes for jobs of its own (judging language models); nothing here asks for them.
LEAN = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}

# MLflow's client waits 1, 2, 4 ... 64 s for a server that is away (by default twice as long): two minutes in all, and
# a part that is started again is noticed within seconds.
PATIENT = {"MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1"}

# Candidates are trained beside each other, one process each: threads inside a fit would only fight for the cores. A
# fit that may use more (see `training.threads`) lets them sleep while they wait: on cores that others use too, busy
# waiting made a boosting eight times slower.
ONE_THREAD = {
    "MKL_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "OPENBLAS_NUM_THREADS": "1",
}

# What makes tasks start quickly and lost parts be replaced quickly; each was measured (docs/architecture.md).
QUICK = {
    "AIRFLOW__CORE__EXECUTOR": "dropforge.airflow.executor.WarmLocalExecutor",
    "AIRFLOW__CORE__MP_START_METHOD": "fork",
    # More than there are cores: a worker that fits for long must leave others free for the next drop.
    "AIRFLOW__CORE__PARALLELISM": str(max(8, 2 * (os.cpu_count() or 1))),
    # What `dropforge generate` writes is read at once: it touches the Python file that Airflow knows of.
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "20",
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__JOB_HEARTBEAT_SEC": "2",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "8",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "2",
    # The executor waits instead, until a task ends. With another one the scheduler would never rest.
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "8",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "2",
}

# Allocations, less what was freed. By default 700: while libraries are imported and an API's routes are built, which
# all stay, a quarter of the time goes into looks for what could be freed.
_COLLECT_AFTER = 50_000


def collect_rarely() -> None:
    """Have this process, and those that it forks, look less often for cycles of objects to free."""
    gc.set_threshold(_COLLECT_AFTER)


def past_the_proxy(given: Mapping[str, str]) -> dict[str, str]:
    """Return the variables by which what is asked on this machine does not go through a network's proxy.

    Parameters
    ----------
    given : dict
        The variables that there are.
    """
    if not any(name.lower() in ("http_proxy", "https_proxy", "all_proxy") for name in given):
        return {}
    known = [host for name in ("no_proxy", "NO_PROXY") for host in given.get(name, "").split(",") if host]
    spared = ",".join(dict.fromkeys([*known, "127.0.0.1", "localhost", "::1"]))
    return {"no_proxy": spared, "NO_PROXY": spared}


def environment(project: Project, addresses: Addresses) -> dict[str, str]:
    """Return what every part of a stack is started with.

    Parameters
    ----------
    project : Project
        The project.
    addresses : Addresses
        Where the parts answer.
    """
    home = project.state / "airflow"
    keys = _keys(project)
    airflow = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__API_AUTH__JWT_SECRET": keys["jwt"],
        "AIRFLOW__API__BASE_URL": addresses.airflow,
        "AIRFLOW__API__SECRET_KEY": keys["session"],
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__CORE__DAGS_FOLDER": str(project.dags),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{addresses.airflow}/execution/",
        "AIRFLOW__CORE__FERNET_KEY": keys["fernet"],
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        # Everybody on this machine is admin: only ever on loopback, see `ports.loopback`.
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}?timeout=30",
    }
    return {
        **ONE_THREAD,
        **os.environ,
        **past_the_proxy(os.environ),
        # Airflow and MLflow start programs of their environment by name.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "PYTHONUNBUFFERED": "1",
        "PYTHONWARNINGS": "ignore",
        HOME_VARIABLE: str(project.home),
        "DROPFORGE_SERVER": addresses.server,
        "MLFLOW_TRACKING_URI": addresses.mlflow,
        **NO_TELEMETRY,
        **LEAN,
        **PATIENT,
        **QUICK,
        **airflow,
    }


def _keys(project: Project) -> dict[str, str]:
    """Return the stack's secrets: made once, kept readable to their owner alone."""
    folder = project.state / "keys"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    keys = {}
    for name in ("fernet", "jwt", "session"):
        file = folder / name
        if not file.exists() or not file.stat().st_size:
            # Written aside: a crash leaves no half of a key.
            draft = file.with_suffix(".new")
            draft.touch(mode=0o600)
            draft.write_text(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
            draft.replace(file)
        keys[name] = file.read_text()
    return keys
