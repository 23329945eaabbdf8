"""What the parts of Airflow are started with."""

from __future__ import annotations

import subprocess
import sys

import pytest

# In a process of its own, as what is registered with SQLAlchemy holds for the whole process.
TIME_OF_SQLITE = """
import datetime, time
from sqlalchemy import DateTime, create_engine, func, literal, select
import dropforge.stack.warm

with create_engine("sqlite://").connect() as database:
    before = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    time.sleep(0.002)  # the clock goes by milliseconds
    print(bool(database.scalar(select(literal(before, DateTime) <= func.now()))))
"""


def test_what_is_due_is_due_at_once_and_not_at_the_next_full_second() -> None:
    done = subprocess.run([sys.executable, "-c", TIME_OF_SQLITE], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout == "True\n"


# What `airflow triggerer` would run its triggers with.
RUNNER = """
import sys

import pytest
import airflow.__main__
import dropforge.stack.warm

def main():
    from airflow.jobs import triggerer_job_runner
    print(triggerer_job_runner.TriggerRunner.__module__)

airflow.__main__.main = main
sys.argv = ["warm", sys.argv[1]]
dropforge.stack.warm.main()
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("part", "module"),
    [("triggerer", "dropforge.stack.runner"), ("dag-processor", "airflow.jobs.triggerer_job_runner")],
)
def test_the_triggerer_hands_events_on_by_our_runner(part: str, module: str) -> None:
    done = subprocess.run([sys.executable, "-c", RUNNER, part], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.splitlines()[-1:] == [module]
