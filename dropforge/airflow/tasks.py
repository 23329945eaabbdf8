"""The tasks of the generated DAGs: thin functions over the library.

Each takes the project's folder and the pipeline's settings as the DAG carries them, and may be cleared, retried
or marked failed at any time. The first task of a run hands its settings on to the others.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from dropforge.airflow import notes
from dropforge.airflow.asked import ROLLBACK, TIMER, asked
from dropforge.airflow.batches import batched
from dropforge.airflow.errors import explained, says_what_the_disk_refuses
from dropforge.airflow.form import drop_typed
from dropforge.airflow.runs import begin, begun, is_active
from dropforge.configs import from_plain, read_candidates
from dropforge.documents import Problem, UserError
from dropforge.estimators import Allowed
from dropforge.folder import Claim, WatchFolder
from dropforge.project import Project
from dropforge.settings import Pipeline

log = logging.getLogger(__name__)

Batch = dict[str, Any]
INTERRUPTED = "interrupted"


@says_what_the_disk_refuses
def claim(home: str, settings: str) -> list[Batch]:
    """Claim the whole new configs, reject those with a mistake, and return the candidates in batches."""
    import joblib

    pipeline, run = begin(settings), _run_id()
    folder = _folder(home, pipeline)
    folder.settle()
    typed = drop_typed(get_current_context(), folder)
    items = []
    rejected: list[str] = []
    report = notes.Report(pipeline.promote.metric)
    for taken in folder.claim(run, lambda other: is_active(f"{pipeline.name}_train", other), typed):
        try:
            if taken.problem:
                raise UserError(taken.problem)
            candidates = read_candidates(folder.content(taken), taken.file, _allowed(pipeline), pipeline.train.max_grid)
        except UserError as error:
            told = _reject(folder, taken, run, error)
            report.rejected(taken.file, told)
            rejected.append(str(told))
            continue
        log.info("%s asks for %d candidate(s)", taken.file, len(candidates))
        items += [
            {
                "key": taken.key,
                "drop": f"{taken.drop}/{index}",
                "label": candidate.label,
                "candidate": candidate.to_plain(),
            }
            for index, candidate in enumerate(candidates)
        ]
    if report.troubles:
        notes.say(report.lines())
    # The cores are shared: a fit takes more than one thread only while there are fewer candidates than cores.
    cores = joblib.cpu_count()
    threads = max(1, cores // max(1, len(items)))
    batches = batched(items, cores)
    log.info("%d candidate(s) go to %d task(s)", len(items), len(batches))
    # Last, where people look first: the text that stands beside each rejected config, line by line as there.
    for line in "\n".join(rejected).splitlines():
        log.error("%s", line)
    # As text: Airflow's own JSON has no NaN, which is a value that people give to parameters.
    return [{"label": label, "items": json.dumps(group), "threads": threads} for label, group in batches]


@says_what_the_disk_refuses
def train(batch: Batch, home: str, settings: str) -> str:
    """Train the candidates of a batch; what became of each is the task's result."""
    from dropforge.data import load
    from dropforge.training import Outcome, Trainer

    pipeline, project = begun("claim", settings), Project(Path(home))
    folder = _folder(home, pipeline)
    left = json.loads(batch["items"])
    trainer = None
    outcomes: list[dict[str, Any]] = []
    try:
        with contextlib.ExitStack() as stack:
            while left:
                item = left[0]
                try:
                    candidate = from_plain(item["candidate"], _allowed(pipeline))
                    config = folder.content(Claim(candidate.config_file, item["key"]))
                    if trainer is None:
                        rows = load(pipeline.data, project.home)
                        trainer = stack.enter_context(Trainer(pipeline, rows, project, batch["threads"]))
                    outcome = trainer.train(candidate, config, item["drop"])
                except UserError as error:
                    outcome = Outcome("failed", item["label"], item["candidate"]["class"], error=str(error))
                log.info("%s", notes.summary(vars(outcome), pipeline.promote.metric))
                outcomes.append({"drop": item["drop"], **vars(outcome)})
                left.pop(0)
    except Exception as error:
        # The infrastructure's error: Airflow tries again. If this was the last try, these configs stay.
        _push([*outcomes, *({"drop": item["drop"], "status": INTERRUPTED, "error": repr(error)} for item in left)])
        raise
    if errors := [outcome["error"] for outcome in outcomes if outcome["status"] == "failed"]:
        # The task is red, as its candidate failed; what became of the others of its batch is kept all the same.
        _push(outcomes)
        raise AirflowFailException("\n".join(errors))
    return json.dumps(outcomes)


@says_what_the_disk_refuses
def finish(batches: Iterable[Batch] | None, outcomes: Iterable[str | None] | None, home: str, settings: str) -> str:
    """File each config away, say what became of it, and give back what this run could not finish.

    Its result are the versions that this run made.
    """
    from mlflow.exceptions import MlflowException

    pipeline, run = begun("claim", settings), _run_id()
    folder = _folder(home, pipeline)
    results = {outcome["drop"]: outcome for text in outcomes or [] if text for outcome in json.loads(text)}
    files: dict[Claim, list[dict[str, Any]]] = {}
    report = notes.Report(pipeline.promote.metric)
    for batch in batches or []:
        for item in json.loads(batch["items"]):
            outcome = results.get(item["drop"]) or _stopped(item["label"])
            files.setdefault(Claim(item["candidate"]["file"], item["key"]), []).append(outcome)
    stuck: dict[str, UserError] = {}
    for taken, found in files.items():
        if any(outcome["status"] == INTERRUPTED for outcome in found):
            continue  # it is given back below
        errors = [outcome["error"] for outcome in found if outcome["error"]]
        try:
            place = folder.file_away(taken, run, "\n".join(errors) or None)
        except UserError as refusal:  # the others are filed all the same
            stuck[taken.key] = refusal
            report.stays(taken.file)
            continue
        lines = [notes.summary(outcome, pipeline.promote.metric) for outcome in found]
        log.info("%s -> %s\n%s", taken.file, place or "filed by another run", "\n".join([*lines, *errors]))
        report.filed(taken.file, place, found)
    for taken in folder.claimed_by(run):
        if taken.key not in stuck:
            folder.release(taken, run)
            report.stays(taken.file)
    try:
        _store(home).sweep_lost_runs(pipeline.name)
    except (OSError, MlflowException) as error:  # MLflow is away: the next run sweeps
        log.warning("MLflow runs of killed processes are not ended yet: %s", error)
    notes.say(report.lines())
    if stuck:
        raise AirflowException("\n".join(str(refusal) for refusal in stuck.values()))
    return json.dumps([outcome["version"] for outcome in results.values() if outcome["status"] == "trained"])


@says_what_the_disk_refuses
def compare(trained: str, home: str, settings: str) -> str:
    """Save the leaderboard with the versions that this run made; that MLflow is away fails no train run."""
    from mlflow.exceptions import MlflowException

    from dropforge.training import leaderboard

    versions = json.loads(trained)
    if not versions:
        raise AirflowSkipException("there is no new version")
    pipeline = begun("claim", settings)
    try:
        run_id = leaderboard.save(_store(home), pipeline, versions, _run_id())
    except (OSError, MlflowException) as error:
        raise AirflowSkipException(f"not saved; the next train run saves it anew: {error}") from error
    return json.dumps([{"run_id": run_id}])


@says_what_the_disk_refuses
def find(home: str, settings: str) -> list[str]:
    """Return the versions that were never validated, and those to score anew where holdout or metric changed."""
    from dropforge.data import load
    from dropforge.promotion import to_score

    pipeline, wanted = begin(settings), asked(get_current_context())
    if wanted.by_hand or wanted.dry_run:
        return []  # a person asks for one version, or only asks
    with explained():
        found = [v.version for v in to_score(_store(home), pipeline, load(pipeline.data, Path(home)))][:1000]
    log.info("to be scored: %s", f"version {', '.join(found)}" if found else "no version")
    return found


@says_what_the_disk_refuses
def validate(version: str, home: str, settings: str) -> dict[str, Any]:
    """Score a version on the holdout rows, and tag it with the result."""
    from dropforge.data import load
    from dropforge.promotion import validate as validate_version

    pipeline, store = begun("find", settings), _store(home)
    found = store.version(pipeline.name, version)
    if found is None:
        raise AirflowSkipException(f"version {version} was deleted meanwhile")
    with explained():
        result = validate_version(store, pipeline, load(pipeline.data, Path(home)), found)
    log.info(
        "version %s: %s %s %s",
        version,
        pipeline.promote.metric,
        result.value,
        "; ".join(result.reasons) or "passed",
    )
    for gate in result.gates:
        log.info("%s: %s: %s", gate.name, "passed" if gate.passed else "failed", gate.said)
    return {"version": version, "value": result.value, "reasons": list(result.reasons)}


@says_what_the_disk_refuses
def propose(home: str, settings: str) -> dict[str, Any]:
    """Decide as ``promote`` does, and leave for a person what to decide on; skipped where there is nothing."""
    from dropforge.data import load
    from dropforge.promotion import approval

    pipeline, wanted = begun("find", settings), asked(get_current_context())
    if wanted.by_hand or wanted.dry_run:
        raise AirflowSkipException("a person asks by the form")
    with explained():
        rows = load(pipeline.data, Path(home))
        store, hosting = _store(home), _hosting(home, pipeline)
        decision = approval.propose(
            store, pipeline, rows, hosting, by=wanted.by, key=wanted.key,
            run=_run_id(), is_active=lambda run: is_active(f"{pipeline.name}_promote", run),
        )  # fmt: skip
    _log_candidates(decision)
    if not decision.promotes:
        notes.say([decision.verdict])
        raise AirflowSkipException(decision.verdict)
    log.info("%s: waits for approval", decision.verdict)  # no note: a run has it when it ends, and waits no more
    return {
        "version": decision.champion,
        "subject": f"Promote version {decision.champion} of {pipeline.name}?",
        "body": approval.comparison(pipeline, decision, wanted.by),
    }


@says_what_the_disk_refuses
def promote(home: str, settings: str) -> dict[str, Any]:
    """Decide who is champion, or do what the run's form asks for; have it hosted, and move alias and stage."""
    from dropforge.data import load
    from dropforge.promotion import approval, promote_version, rollback, settle
    from dropforge.promotion import promote as promote_best

    pipeline, wanted = begun("find", settings), asked(get_current_context())
    store, hosting = _store(home), _hosting(home, pipeline)
    said: dict[str, Any] = {"by": wanted.by, "key": wanted.key, "dry_run": wanted.dry_run}
    by_hand: dict[str, Any] = {**said, "why": wanted.why}
    with explained():
        if wanted.action == ROLLBACK:
            decision = rollback(store, pipeline, hosting, to=wanted.version, **by_hand)
        else:
            rows = load(pipeline.data, Path(home))
            if wanted.version:
                decision = promote_version(store, pipeline, rows, hosting, wanted.version, **by_hand)
            elif pipeline.promote.approval == "required" and not wanted.dry_run:
                proposal, answer = _proposal(), _answer()
                if proposal and answer and answer.approved:
                    decision = approval.approve(
                        store, pipeline, rows, hosting, proposal["version"], by=answer.by, key=wanted.key
                    )
                else:
                    return settle(store, pipeline, hosting).to_plain()  # what there was to say `propose` said
            else:
                decision = promote_best(store, pipeline, rows, hosting, **said)
    _log_candidates(decision)
    if wanted.dry_run:
        notes.say([f"would be: {decision.verdict}", *decision.steps])
        return {**decision.to_plain(), "champion": decision.previous}  # nothing moved, and nobody is to be told so
    notes.say([decision.verdict])
    return decision.to_plain()


@says_what_the_disk_refuses
def conclude(home: str, settings: str) -> None:
    """Note that a proposal was rejected, or nobody answered; one that can no more be answered is considered anew."""
    from dropforge.promotion import approval

    pipeline, proposal, store = begun("find", settings), _proposal(), _store(home)
    with explained():
        # Where `propose` failed for good, it may have proposed all the same.
        left = None if proposal else approval.left_by(store, pipeline, asked(get_current_context()).key)
        version = proposal["version"] if proposal else left
        if version is None:
            raise AirflowSkipException("nothing was proposed")
        answer = _answer() if proposal else None
        if answer and not answer.approved:
            why = (
                f"rejected by {answer.by}"
                if answer.by
                else f"nobody answered within {pipeline.promote.approval_timeout}"
            )
            decision = approval.reject(store, pipeline, version, why=why, by=answer.by or TIMER)
            notes.say([decision.verdict])
        elif approval.withdraw(store, pipeline, version):
            notes.say([f"version {version} is considered anew: its proposal came to no end"])


def _proposal() -> dict[str, Any] | None:
    found = get_current_context()["ti"].xcom_pull(task_ids="propose")
    return dict(found) if found else None


def _answer() -> Any:
    from dropforge.airflow.answer import answered

    return answered(get_current_context()["ti"], "approve")


def _log_candidates(decision: Any) -> None:
    for contender in decision.candidates:
        log.info("version %s: %s %s", contender.version, contender.value, "; ".join(contender.reasons))


@says_what_the_disk_refuses
def prove(decision: dict[str, Any], home: str, settings: str) -> dict[str, Any]:
    """Predict over HTTP and see that the champion answers."""
    from dropforge.data import load
    from dropforge.promotion import prove as prove_version

    pipeline = begun("find", settings)
    hosting = _hosting(home, pipeline)
    if hosting is None or decision["champion"] is None:
        raise AirflowSkipException("nothing is hosted")
    with explained():
        predictions = prove_version(load(pipeline.data, Path(home)), hosting, decision["champion"])
    log.info("version %s answers: %s", decision["champion"], predictions)
    return {"version": decision["champion"], "predictions": predictions}


def _push(outcomes: list[dict[str, Any]]) -> None:
    """Leave outcomes for ``finish`` although the task fails."""
    get_current_context()["ti"].xcom_push(key="return_value", value=json.dumps(outcomes))


def _reject(folder: WatchFolder, taken: Claim, run: str, error: UserError) -> UserError:
    """File a config with a mistake away, and return what is to be said of it."""
    log.error("%s is rejected: why is said at the end of this log", ascii(taken.file))
    try:
        folder.file_away(taken, run, str(error))
    except UserError as refusal:  # it stays, and holds up no other
        return UserError([*refusal.problems, *error.problems])
    return error


def _stopped(label: str) -> dict[str, Any]:
    """Return the outcome of a candidate whose task left none."""
    problem = Problem(
        "training was stopped before it ended: its task was marked failed in Airflow, or its process was killed",
        "Clear the task in Airflow to train it after all, or drop the config again.",
        label,
    )
    return {"status": "failed", "candidate": label, "error": str(problem)}


def _folder(home: str, pipeline: Pipeline) -> WatchFolder:
    project = Project(Path(home))
    return WatchFolder(project.resolve(pipeline.train.watch), project.state / "dropped" / pipeline.name)


def _store(home: str) -> Any:
    from dropforge.registry import Store

    return Store.connect(Project(Path(home)))


def _hosting(home: str, pipeline: Pipeline) -> Any:
    from dropforge.promotion import Hosting

    return Hosting.of(Project(Path(home)), pipeline)


def _allowed(pipeline: Pipeline) -> Allowed:
    return Allowed.of(pipeline.train)


def _run_id() -> str:
    return str(get_current_context()["run_id"])
