"""A config on its way from claim to served, somebody killed meanwhile, and what must be so in the end."""

import time
from dataclasses import dataclass

import httpx
from mlflow.exceptions import MlflowException

from tests.stack.killing import away, kill
from tests.stack.project import until

PIPELINE = "exact"
LONGEST = 240.0


@dataclass(frozen=True)
class Found:
    """What has become of configs: where they lie, of which config each version is, and what is not right."""

    filed: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
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


def be_without_mlflow(project, seconds, number):
    """Drop configs while MLflow is away for ``seconds``, one of them just before; return their names, and its return.

    Nothing may be decided on a config meanwhile: it stays where it was dropped.
    """
    files = [f"away {number} {when}.yaml" for when in ("before", "meanwhile")]
    try:
        drop_and_hold(project, "opened", files[0], f"{number}0")
        with away(project, "mlflow"):
            project.points.release()
            project.drop(PIPELINE, **{files[1].replace(".", "_"): config(f"{number}1")})
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                assert project.waiting(PIPELINE) == sorted(files)
                time.sleep(0.5)
    finally:
        project.points.release()
    return files, time.monotonic()


def vacate(project):
    """Take title and stage from the champion, so that the next version becomes it however good it is."""
    if champion := project.champion(PIPELINE):
        project.mlflow.delete_registered_model_alias(PIPELINE, "production")
        project.mlflow.transition_model_version_stage(PIPELINE, champion, "Archived")


def await_sound(project, *files):
    """Wait until everything is right with the configs, and still is when nobody is at work any more.

    Returns
    -------
    float
        When it was right, as `time.monotonic` tells it.
    """
    found = Found()

    def is_right():
        nonlocal found
        found = look(project, files)
        return not found.wrong

    try:
        until(is_right, files, LONGEST)
    except AssertionError as error:
        raise AssertionError(f"{error}: {found}") from None
    right = time.monotonic()
    project.idle(f"{PIPELINE}_train", f"{PIPELINE}_promote")
    found = look(project, files)
    assert not found.wrong, found
    return right


def look(project, files):
    """Return what has become of configs, as far as MLflow tells just now."""
    filed = tuple(
        f"{place.parent.name}/{place.name}"
        for file in files
        for place in project.watch(PIPELINE).rglob(f"{file.removesuffix('.yaml')}[.-]*")
    )
    try:
        httpx.get(f"{project.addresses['mlflow']}/health", timeout=2).raise_for_status()
        mine = [version for version in project.versions(PIPELINE) if version.tags["config_file"] in files]
        return Found(filed, tuple(v.tags["config_file"] for v in mine), tuple(_wrong(project, files, filed, mine)))
    except (httpx.HTTPError, MlflowException) as error:
        return Found(filed, (), (f"{type(error).__name__}: {error}",))


def _wrong(project, files, filed, versions):
    if sorted(filed) != sorted(f"done/{file}" for file in files):
        yield "not each config is filed once"
    if sorted(version.tags["config_file"] for version in versions) != sorted(files):
        yield "not each has one version"
    if running := project.running(PIPELINE):
        yield f"MLflow runs {running} are RUNNING"
    if pending := [version.version for version in versions if version.tags["decision"] == "pending"]:
        yield f"versions {pending} are not decided"
    champion = project.champion(PIPELINE)
    if champion not in [version.version for version in versions]:
        yield f"version {champion} is champion"
    if (staged := project.staged(PIPELINE)) != [champion]:
        yield f"versions {staged} are in Production, and {champion} is champion"
    if (served := project.served(PIPELINE)) != champion:
        yield f"version {served} is served, and {champion} is champion"
