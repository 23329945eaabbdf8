"""A config on its way from claim to served, somebody killed meanwhile, and what must be so in the end."""

import time
from dataclasses import dataclass

import httpx
from mlflow.exceptions import MlflowException

from tests.stack.killing import kill
from tests.stack.project import until

PIPELINE = "exact"
LONGEST = 240.0


@dataclass(frozen=True)
class Found:
    """What has become of a config: where it lies, how many versions it has, and what else is not right."""

    filed: tuple[str, ...] = ()
    versions: int = 0
    wrong: tuple[str, ...] = ()


def config(number):
    """Return a config whose candidate is new, if the number is."""
    return f"class: DecisionTreeClassifier\nparams: {{max_depth: 4, random_state: {number}}}\n"


def drop_and_hold(project, point, file, number):
    """Drop a config that will be champion, and return the process that is held at ``point`` on its way."""
    vacate(project)
    project.points.arm(point)
    project.drop(PIPELINE, **{file.replace(".", "_"): config(number)})
    return until(lambda: project.points.held(point), f"somebody is held at {point}")


def drop_and_kill(project, point, victim, number):
    """Kill ``victim`` while a config is held at ``point``; return the config's name, and when that was."""
    file = f"{point} {victim} {number}.yaml"
    try:
        held = drop_and_hold(project, point, file, number)
        killed = time.monotonic()
        kill(project, victim, held)
    finally:
        project.points.release()
    if victim == "stack":
        project.up()
    return file, killed


def vacate(project):
    """Take title and stage from the champion, so that the next version becomes it however good it is."""
    if champion := project.champion(PIPELINE):
        project.mlflow.delete_registered_model_alias(PIPELINE, "production")
        project.mlflow.transition_model_version_stage(PIPELINE, champion, "Archived")


def await_sound(project, file):
    """Wait until everything is right with a config, and still is when nobody is at work any more.

    Returns
    -------
    float
        When it was right, as `time.monotonic` tells it.
    """
    found = Found()

    def is_right():
        nonlocal found
        found = look(project, file)
        return not found.wrong

    try:
        until(is_right, file, LONGEST)
    except AssertionError as error:
        raise AssertionError(f"{error}: {found}") from None
    right = time.monotonic()
    project.idle(f"{PIPELINE}_train", f"{PIPELINE}_promote")
    found = look(project, file)
    assert not found.wrong, found
    return right


def look(project, file):
    """Return what has become of a config, as far as MLflow tells just now."""
    stem = file.removesuffix(".yaml")
    places = project.watch(PIPELINE).rglob(f"{stem}[.-]*")
    filed = tuple(f"{place.parent.name}/{place.name}" for place in places)
    try:
        httpx.get(f"{project.addresses['mlflow']}/health", timeout=2).raise_for_status()
        mine = [version for version in project.versions(PIPELINE) if version.tags["config_file"] == file]
        return Found(filed, len(mine), tuple(_wrong(project, file, filed, mine)))
    except (httpx.HTTPError, MlflowException) as error:
        return Found(filed, 0, (f"{type(error).__name__}: {error}",))


def _wrong(project, file, filed, versions):
    if filed != (f"done/{file}",):
        yield "the config is not filed once"
    if len(versions) != 1:
        yield "it has not one version"
        return
    (version,) = versions
    if running := project.running(PIPELINE):
        yield f"MLflow runs {running} are RUNNING"
    if (champion := project.champion(PIPELINE)) != version.version:
        yield f"version {champion} is champion and not {version.version}"
    if (staged := project.staged(PIPELINE)) != [version.version]:
        yield f"versions {staged} are in Production"
    if version.tags["decision"] != "promoted":
        yield f"the decision is {version.tags['decision']}"
    if (served := project.served(PIPELINE)) != version.version:
        yield f"version {served} is served and not {version.version}"
