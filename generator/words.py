"""What the two DAGs of a pipeline and their tasks say about themselves in Airflow, in plain words (Markdown).

Airflow's pages (3.3.2) show neither italics nor a space between paragraphs: names are code, and parts have headings.
"""

from __future__ import annotations

from dropforge.documents import code
from dropforge.estimators import Allowed
from dropforge.settings import Pipeline
from generator.schedules import spoken

# What Airflow shows in place of a task's id. Not of mapped ones: it shows the id for some of their instances all the
# same (3.3.2), and each has a name of its own besides.
TITLES = {
    "claim": "claim dropped configs",
    "finish": "finish: file configs away",
    "compare": "compare the best",
    "find": "find new versions",
    "propose": "propose the best",
    "approve": "approve or reject",
    "promote": "promote the best",
    "conclude": "conclude: note what was rejected",
    "prove": "prove that it answers",
}

# Beside the boxes of the form of the second DAG.
PROMOTE_FORM = {
    "action": "`promote`: the best new version, if it beats the champion; or the one that is named below. "
    "`rollback`: bring back the champion before, or the former champion that is named below.",
    "version": "The number of a version. Left empty: the best one, or the champion before.",
    "why": "Why, in words: it stands in the history.",
    "dry_run": "Only say what would be done: the steps are the run's note.",
}

# The first that a pipeline allows is its example.
_EXAMPLES = {
    "sklearn.ensemble.RandomForestClassifier": "{n_estimators: 200, max_depth: 5}",
    "sklearn.linear_model.LogisticRegression": "{C: 0.5, max_iter: 2000}",
    "sklearn.tree.DecisionTreeClassifier": "{max_depth: 5}",
    "sklearn.ensemble.HistGradientBoostingClassifier": "{max_iter: 200}",
    "sklearn.neighbors.KNeighborsClassifier": "{n_neighbors: 7}",
    "sklearn.svm.SVC": "{C: 10}",
}


def words(pipeline: Pipeline) -> dict[str, object]:
    """Return the texts that a template can use.

    Returns
    -------
    dict
        ``train_description``, ``train_doc``, ``promote_description`` and ``promote_doc`` of the DAGs; ``titles`` and
        ``docs`` of the tasks, by task id; ``form_doc`` beside the box that a config is typed into;
        ``promote_form_docs`` beside the boxes of the other form, by parameter.
    """
    return {
        "train_description": f"Trains what is dropped into {pipeline.train.watch}",
        "train_doc": _train(pipeline),
        "promote_description": f"Puts the best version of {pipeline.name} into {pipeline.promote.stage}",
        "promote_doc": _promote(pipeline),
        "titles": TITLES,
        "docs": _tasks(pipeline),
        "form_doc": _form(pipeline),
        "promote_form_docs": PROMOTE_FORM,
    }


def _train(pipeline: Pipeline) -> str:
    name, watch = pipeline.name, code(pipeline.train.watch)
    return f"""{_about(pipeline)}

### What is watched

The folder {watch}. Drop a `.yaml`, `.yml` or `.json` file into it, and a run starts within
seconds. `Trigger` opens a form to type a config into; that is a drop like any other.

{_example(pipeline)}

### What is allowed

A config may name {_allowed(pipeline)}

### What happens next

Each model of the file is trained, measured, and registered in MLflow as a version of `{name}`.
The file moves to `done/`, or to `rejected/` with a text beside it that says what is wrong, on which line, and what to
do. The same content trains nothing twice. {_next(pipeline)}

### Where to look

The note of a run says what became of each file. The details of each task `train` have a link to
its run in MLflow, and the last lines of a task's log say what it did.
"""


def _promote(pipeline: Pipeline) -> str:
    name, promote = pipeline.name, pipeline.promote
    least = "" if promote.minimum is None else f" It must reach {promote.minimum:g}."
    gain = f" by at least {promote.min_improvement:g}" if promote.min_improvement else ""
    asked = (
        " Before a tick promotes, a person approves under `Required Actions`." if promote.approval == "required" else ""
    )
    hosted = (
        "The model server loads it and tries it first, then it gets alias and stage, and answers the requests."
        if pipeline.host.enabled
        else "It gets alias and stage; the model server does not serve this pipeline."
    )
    return f"""{_about(pipeline)}

### What is watched

The versions of `{name}` in MLflow that were never considered. {_when(pipeline)}
`Trigger` opens a form to promote a version by hand, or to bring a former champion back; what is brought back from is
not promoted again until somebody says so.

### What is allowed

The best of them by `{promote.metric}` on the holdout rows becomes the champion, if it beats the
one that there is{gain}.{least} A tie goes to the champion.{asked}

### What happens next

The champion holds the alias `{promote.alias}` and the stage {promote.stage}. {hosted}

### Where to look

The note of a run says who won and why. The details of `promote the best` have a link to the
model's page in MLflow; there, the tags of each version say why it was not taken. Every decision is a run in MLflow's
experiment `{name}-promotions`; `dropforge history {name}` shows who was champion when.
"""


def _tasks(pipeline: Pipeline) -> dict[str, str]:
    name, train, promote = pipeline.name, pipeline.train, pipeline.promote
    watch = code(train.watch)
    return {
        "claim": f"""Takes the configs in {watch} that have arrived whole, each for exactly one run, and reads them.

One with a mistake moves to `rejected/` at once, with a text beside it; the others are not touched by it. A config
that was typed into the form is written into the folder first. What comes out is one entry for each task of
`train`.
""",
        "train": f"""Trains, measures and registers one model of a config; several, where a run has more than 8, and
more than two for each core.

A model may take {train.timeout_seconds:g} s and {train.memory_mb:g} MB of memory. The task is red where a model could
not be trained: the last lines of its log say why, and the versions of the others stay. Where a service is away it is
tried again. To train anew after all, clear it. A link under `Details` leads to the run in MLflow.
""",
        "finish": f"""Moves each config from {watch} to `done/`, or to `rejected/` with a text beside it.

It runs whatever became of the training. A config that a service kept from being trained stays where it is, and the
next run takes it.
""",
        "compare": f"""Saves the best versions beside each other, as a table and a plot.

They stand in MLflow's experiment `{name}-leaderboard`: a link under `Details` leads there. It is skipped where this run
made no version, or MLflow is away; nothing waits for it.
""",
        "find": f"""Looks in MLflow for the versions of `{name}` that were never scored on the holdout rows.

There is one task of `validate` for each; without any, that is skipped.
""",
        "validate": f"""Loads a version as it was registered, and scores it on the holdout rows by `{promote.metric}`.

The value, and the reasons against the version if there are any, become its tags in MLflow.
""",
        "promote": """Decides who is champion, has the model server try it, and moves alias and stage.

It decides on what the tags say, and runs whatever became of the scoring. The last lines of its log say who won and
why. A link under `Details` leads to the model's page in MLflow.
""",
        "propose": """Decides who should be champion, and has the model server try it, but moves nothing.

It is skipped where there is nobody to propose, or a person asks for a version by the form.
""",
        "approve": f"""Waits for a person: `Required Actions` shows the comparison. It holds up no other run.

`Approve` lets the version be compared once more with the champion of that moment, and promoted. `Reject` leaves it
aside; so does no answer within {promote.approval_timeout}.
""",
        "conclude": """Writes down who rejected a proposal, or that nobody answered in time.

A proposal whose question was marked failed is considered anew.
""",
        "prove": """Asks the model server for predictions, and sees that the champion is who answers.

It is skipped where there is no champion, or the pipeline is not hosted.
""",
    }


def _form(pipeline: Pipeline) -> str:
    return f"""A config, as you would write it into a file, in YAML or JSON. It is dropped into the watch folder under a
name that is made from the run's, and checked like any other. Left empty, the run takes what waits in the folder. Date
and interval do not matter.

{_example(pipeline)}

**Allowed:** {_allowed(pipeline)}"""


def _about(pipeline: Pipeline) -> str:
    return f"**{pipeline.name}** {pipeline.description}".strip()


def _allowed(pipeline: Pipeline) -> str:
    train = pipeline.train
    but = f", but not {_list(train.deny)}" if train.deny else ""
    return (
        f"classifiers of {_list(train.estimators)}{but}. A model may take {train.timeout_seconds:g} s and "
        f"{train.memory_mb:g} MB of memory."
    )


def _example(pipeline: Pipeline) -> str:
    """Return a config that the pipeline allows; nothing if none of ours is."""
    allowed = Allowed(pipeline.train.estimators, pipeline.train.deny)
    path = next((path for path in _EXAMPLES if path in allowed), None)
    return f"```yaml\nclass: {path}\nparams: {_EXAMPLES[path]}\n```" if path else ""


def _when(pipeline: Pipeline) -> str:
    promote = pipeline.promote
    also = ", and as soon as there are new ones" if promote.on_new_version else ""
    said = spoken(promote.schedule) or f"on the schedule `{promote.schedule.strip()}`"
    zone = "" if said.startswith(("every", "hourly")) else f" (time zone {promote.timezone})"
    return f"It looks {said}{zone}{also}."


def _next(pipeline: Pipeline) -> str:
    soon = "as soon as it is registered" if pipeline.promote.on_new_version else "on its schedule"
    return f"`{pipeline.name}_promote` considers a new version {soon}."


def _list(patterns: tuple[str, ...]) -> str:
    return ", ".join(code(pattern) for pattern in patterns)
