"""A DAG of the shape of ours whose tasks do nothing: what is left of a drop's time is Airflow's own."""

import os
from datetime import datetime
from pathlib import Path

from airflow.sdk import DAG, Asset, AssetWatcher, task

from dropforge.airflow.trigger import DropTrigger

HOME, WATCH = os.environ["DROPFORGE_HOME"], "configs/empty"


@task
def claim() -> list[int]:
    """Take the files away, and return a number for each task: what their names begin with."""
    tasks = 0
    for path in Path(HOME, WATCH).glob("*.json"):
        tasks = int(path.name.partition("-")[0])
        path.unlink()
    return list(range(tasks))


@task
def train(number: int) -> int:
    """Do nothing."""
    return number


watcher = AssetWatcher(name="empty_watch", trigger=DropTrigger(dag_id="empty", home=HOME, watch=WATCH))
asset = Asset("empty_configs", uri="dropforge://empty/configs", watchers=[watcher])
with DAG("empty", schedule=asset, start_date=datetime(2026, 1, 1), catchup=False, is_paused_upon_creation=False):
    train.expand(number=claim())
