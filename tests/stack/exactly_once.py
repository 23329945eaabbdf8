"""A config on its way from claim to served, somebody killed meanwhile, and what must be so in the end."""

import time
from collections import Counter
from dataclasses import dataclass

import httpx
from mlflow.exceptions import MlflowException

from tests.stack.killing import away, kill
from tests.stack.project import until

PIPELINE = "exact"
LONGEST = 240.0
CLIENT = httpx.Client(timeout=2)  # to make one takes longer than a question


@dataclass(frozen=True)
class Found:
    """What has become of configs: where each lies, how many versions each has, and what else is not right."""

    places: dict[str, list[str]]
    versions: dict[str, int]
    wrong: tuple[str, ...]

    @property
    def lost(self):
        """Return how many are nowhere, or have no version."""
        return sum(not self.places[file] or not self.versions[file] for file in self.places)

    @property
    def doubled(self):
        """Return how many are in two places, or have two versions."""
        return sum(len(self.places[file]) > 1 or self.versions[file] > 1 for file in self.places)


class NotRightError(AssertionError):
    """Configs did not come to their sound end."""

    def __init__(self, found):
        super().__init__(str(found))
        self.found = found


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
    """Kill ``victim`` while a config is held at ``point``; return the configs' names, and when that was."""
    file = f"{point} {victim} {number}.yaml"
    try:
        held = drop_and_hold(project, point, file, number)
        killed = time.monotonic()
        kill(project, victim, held)
    finally:
        project.points.release()
    if victim == "stack":
        project.up()
    return [file], killed


def be_without_mlflow(project, seconds, number):
    """Drop configs while MLflow is away for ``seconds``, one of them just before; return their names, and its return.

    Nothing may be decided on a config meanwhile: it stays where it was dropped.
    """
    files = [f"away {number} {when}.yaml" for when in ("before", "meanwhile")]
    try:
        drop_and_hold(project, "opened", files[0], 100_000 + number)
        with away(project, "mlflow"):
            project.points.release()
            project.drop(PIPELINE, **{files[1].replace(".", "_"): config(200_000 + number)})
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                assert project.waiting(PIPELINE) == sorted(files)
                time.sleep(0.5)
    finally:
        project.points.release()
    return files, time.monotonic()


def vacate(project):
    """Take title and stage from the champion, so that the next version becomes it however good it is.

    Whatever was dropped before is decided first: else it would take the place that is made free here.
    """
    until(lambda: not _pending(project.versions(PIPELINE)), "all versions are decided")
    project.idle(f"{PIPELINE}_train", f"{PIPELINE}_promote")
    if champion := project.champion(PIPELINE):
        project.mlflow.delete_registered_model_alias(PIPELINE, "production")
        project.mlflow.transition_model_version_stage(PIPELINE, champion, "Archived")


def await_sound(project, *files):
    """Wait until everything is right with the configs, and still is when nobody is at work any more.

    Returns
    -------
    float
        When it was right, as `time.monotonic` tells it.

    Raises
    ------
    NotRightError
        If it is not right after `LONGEST` seconds, or not any more.
    """
    end = time.monotonic() + LONGEST
    while (found := look(project, files)).wrong:
        if time.monotonic() > end:
            raise NotRightError(found)
        time.sleep(0.1)
    right = time.monotonic()
    project.idle(f"{PIPELINE}_train", f"{PIPELINE}_promote")
    if (found := look(project, files)).wrong:
        raise NotRightError(found)
    return right


def look(project, files):
    """Return what has become of configs, as far as MLflow tells just now."""
    places = {file: _places(project.watch(PIPELINE), file) for file in files}
    counts = dict.fromkeys(files, 0)
    try:
        CLIENT.get(f"{project.addresses['mlflow']}/health").raise_for_status()
        versions = [version for version in project.versions(PIPELINE) if version.tags["config_file"] in files]
        counts |= Counter(version.tags["config_file"] for version in versions)
        wrong = [f"{file} is not filed once" for file in files if places[file] != [f"done/{file}"]]
        wrong += [f"{file} has not one version" for file in files if counts[file] != 1]
        wrong += _wrong(project, versions)
    except (httpx.HTTPError, MlflowException) as error:
        wrong = [f"{type(error).__name__}: {error}"]
    return Found(places, counts, tuple(wrong))


def _places(folder, file):
    """Return where a config lies, also under the name that a second one would get, and its explanation."""
    stem = file.removesuffix(".yaml")
    return [f"{place.parent.name}/{place.name}" for place in folder.rglob(f"{stem}[.-]*")]


def _wrong(project, versions):
    if running := project.running(PIPELINE):
        yield f"MLflow runs {running} are RUNNING"
    if pending := _pending(versions):
        yield f"versions {pending} are not decided"
    champion = project.champion(PIPELINE)
    if champion not in [version.version for version in versions]:
        yield f"version {champion} is champion"
    if (staged := project.staged(PIPELINE)) != [champion]:
        yield f"versions {staged} are in Production, and {champion} is champion"
    if (served := project.served(PIPELINE)) != champion:
        yield f"version {served} is served, and {champion} is champion"


def _pending(versions):
    return [version.version for version in versions if version.tags["decision"] == "pending"]
