"""The one schema of pipelines.yaml (Cerberus): keys, types, defaults, and what each key is for."""

from __future__ import annotations

from typing import Any

from dropforge.settings import Airflow

VERSION = 1
NAME = r"[a-z][a-z0-9_]{0,59}"
PRESETS = ("@hourly", "@daily", "@weekly", "@monthly", "@yearly")
LONGEST = 366 * 24 * 3600  # seconds of an interval or a delay
LABEL_LENGTH = 100  # Airflow's limit for a tag
GUARDS = ("log_loss", "predict_ms", "size_mb")
COMMON_METRICS = frozenset({
    "accuracy", "average_precision", "balanced_accuracy", "f1", "f1_macro", "f1_micro", "f1_weighted",
    "matthews_corrcoef", "neg_brier_score", "neg_log_loss", "precision", "precision_macro", "precision_weighted",
    "recall", "recall_macro", "recall_weighted", "roc_auc", "roc_auc_ovo", "roc_auc_ovr",
})  # fmt: skip


def _key(help_text: str, **rules: Any) -> dict[str, Any]:
    return {**rules, "meta": {"help": help_text}}


def _section(help_text: str, schema: dict[str, Any]) -> dict[str, Any]:
    return _key(help_text, type="dict", default={}, schema=schema)


COLUMNS = {"type": "list", "schema": {"type": "string", "empty": False}}

SPLIT = {
    "test": _key(
        "share of the rows that the metrics are computed on; above 0", type="number", default=0.2, check_with="share"
    ),
    "holdout": _key(
        "share of the rows that versions are compared on; above 0, and below 1 together with `test`",
        type="number",
        default=0.2,
        check_with="share",
    ),
    "seed": _key(
        "seed of the split, and of every `random_state` that a config leaves unset",
        type="integer",
        default=42,
        min=0,
        max=2**32 - 1,
    ),
    "method": _key(
        "`hash`: rows that are added later move no other row, and equal rows share a part; `random`: at random, "
        "stratified by class, so that each part has its share of every class",
        type="string",
        default="hash",
        allowed=["hash", "random"],
    ),
    "group": _key(
        "a column: rows with the same value there share a part; it is not learned from",
        type="string",
        nullable=True,
        default=None,
        empty=False,
    ),
    "time": _key(
        "a column: the latest rows are the holdout, those before them the test; it is not learned from",
        type="string",
        nullable=True,
        default=None,
        empty=False,
    ),
}

CSV = {
    "separator": _key(
        "the character between values; by default the one of `,` `;` `|` and tab that splits the first lines into as "
        "many values as there are names",
        type="string",
        nullable=True,
        default=None,
        minlength=1,
        maxlength=1,
    ),
    "decimal": _key(
        "the decimal separator; by default a comma, where most fractions are written with one and it does not separate "
        "values; else a point",
        type="string",
        nullable=True,
        default=None,
        allowed=[".", ","],
    ),
    "encoding": _key(
        "e.g. `cp1252`; by default UTF-8, or UTF-16 where the file looks so",
        type="string",
        nullable=True,
        default=None,
        check_with="encoding",
    ),
}

FEATURES = {
    "include": _key("the columns to learn from; all of them, if none is named", default=[], **COLUMNS),
    "exclude": _key("columns that are not learned from", default=[], **COLUMNS),
}

DATA = {
    "source": _key(
        "a loader (`sklearn.datasets.load_wine`), or the path or address (`s3://`) of a text table (`.csv`, `.tsv` or "
        "`.txt`; compressed ones too, such as `.csv.gz`), of a `.parquet` file, or of a folder of `.parquet` files, "
        "with `/` at its end",
        type="string",
        required=True,
        check_with="source",
    ),
    "target": _key(
        "the column to predict; rows without a value there are left out", type="string", required=True, empty=False
    ),
    "id": _key(
        "a column that identifies a row; it is not learned from, and the split depends on it alone",
        type="string",
        nullable=True,
        default=None,
        empty=False,
    ),
    "csv": _section("how a text table is written, where that is not detected", CSV),
    "features": _section("which columns are learned from", FEATURES),
    "preprocess": _key(
        "what goes before a model whose config brings nothing of its own: `auto` imputes missing values, encodes "
        "categories and scales numbers, as far as the estimator needs it; `none` leaves the columns as they are",
        type="string",
        default="auto",
        allowed=["auto", "none"],
    ),
    "split": _section("how the rows are split", SPLIT),
}

PATTERNS = {"type": "list", "schema": {"type": "string", "empty": False, "check_with": "pattern"}}

TRAIN = {
    "watch": _key("the watch folder; each pipeline has its own", type="string", empty=False, check_with="folder"),
    "estimators": _key(
        "patterns of the class paths that a config may name, nested ones included; one that begins with "
        "another package's name (`lightgbm.*`) admits that package",
        default=["sklearn.*"],
        minlength=1,
        **PATTERNS,
    ),
    "deny": _key("patterns of class paths that are refused all the same", default=[], **PATTERNS),
    "timeout_seconds": _key(
        "limit for fitting and measuring one candidate, in seconds; waiting for MLflow does not count",
        type="number",
        default=600,
        check_with="positive",
    ),
    "memory_mb": _key(
        "limit for the memory that training one candidate takes, in MB of 2^20 bytes; the data and "
        "libraries that all share don't count, nor do files that are mapped into memory",
        type="number",
        default=4096,
        check_with="positive",
    ),
    "cv": _key(
        "how many folds of the training rows a candidate is measured on beside the test rows; 0 or 1: none",
        type="integer",
        default=0,
        min=0,
        max=100,
    ),
    "log": _key(
        "`full`: plots, importances and the training process as well; `minimal`: what promotion needs, where there "
        "are thousands of candidates",
        type="string",
        default="full",
        allowed=["full", "minimal"],
    ),
    "max_grid": _key(
        "how many candidates the `grid` of one model may ask for", type="integer", default=100, min=1, max=100_000
    ),
}

BOUNDS = {
    "min": _key("the least that it may be", type="number", nullable=True, check_with="finite"),
    "max": _key("the most that it may be", type="number", nullable=True, check_with="finite"),
}

PROMOTE = {
    "schedule": _key(
        "five cron fields, a preset (`@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`) or an "
        "interval (`30s`, `5m`, `1h`, `1d`)",
        type="string",
        default="*/5 * * * *",
        check_with="schedule",
    ),
    "timezone": _key("time zone of the cron expression", type="string", default="UTC", check_with="timezone"),
    "on_new_version": _key("promote also as soon as versions are registered", type="boolean", default=False),
    "metric": _key(
        "any scorer of scikit-learn; more is better, as scorers have it",
        type="string",
        default="f1_macro",
        check_with="metric",
    ),
    "minimum": _key(
        "a champion's least value of the metric", type="number", nullable=True, default=None, check_with="finite"
    ),
    "min_improvement": _key(
        "by how much a challenger must beat the champion", type="number", default=0.0, min=0.0, check_with="finite"
    ),
    "guards": _key(
        "limits beside the metric, each with `max`, `min` or both: `log_loss`, `predict_ms` (milliseconds for one "
        "row, the median), `size_mb` (of the artifact, in MB of 2^20 bytes), or a scorer of scikit-learn",
        type="dict",
        default={},
        keysrules={"type": "string", "check_with": "guard"},
        valuesrules={"type": "dict", "check_with": "bounds", "schema": BOUNDS},
    ),
    "slices": _key(
        "a least value of the metric for each value of a column, where it has 10 rows or more",
        type="dict",
        nullable=True,
        default=None,
        schema={
            "by": _key(
                "the column, one that is learned from: not `data.id`, not the split's group or time, not one that is "
                "excluded; at most 50 values",
                type="string",
                required=True,
                empty=False,
            ),
            "minimum": _key("the least value", type="number", required=True, check_with="finite"),
        },
    ),
    "confidence": _key(
        "how sure it must be that a challenger is better than the champion and not luckier, such as 0.95; "
        "without it, any lead counts",
        type="number",
        nullable=True,
        default=None,
        check_with="confidence",
    ),
    "approval": _key(
        "`required`: a person approves in Airflow before a tick promotes",
        type="string",
        default="none",
        allowed=["none", "required"],
    ),
    "approval_timeout": _key(
        "how long an answer is awaited, as an interval (`1h`, `7d`); after that the version is not promoted",
        type="string",
        default="7d",
        check_with="interval",
    ),
    "stage": _key(
        "the champion's stage: `Production` or `Staging`",
        type="string",
        default="Production",
        allowed=["Production", "Staging"],
    ),
    "alias": _key(
        "the champion's alias; not `latest`, and nothing like `v1`",
        type="string",
        default="production",
        check_with="alias",
    ),
}

HOST = {
    "enabled": _key("whether the model server serves the champion", type="boolean", default=True),
}

# The same defaults as files have that were generated before there were these keys.
_AIRFLOW = Airflow()
NOTIFIERS = {
    "type": "dict",
    "default": {},
    "keysrules": {"type": "string", "check_with": "notifier"},
    "valuesrules": {"type": "dict", "check_with": "arguments"},
}

AIRFLOW = {
    "owner": _key("who answers for the DAGs", type="string", default=_AIRFLOW.owner, check_with="label"),
    "tags": _key(
        "tags of the DAGs, beside `dropforge` and the pipeline's name",
        type="list",
        default=[],
        schema={"type": "string", "check_with": "label"},
    ),
    "retries": _key(
        "how often a task is tried again when a service is away",
        type="integer",
        default=_AIRFLOW.retries,
        min=0,
        max=100,
    ),
    "retry_delay_seconds": _key(
        "seconds before the first new try; the pauses double, up to a minute, or to this if it is more",
        type="number",
        default=_AIRFLOW.retry_delay_seconds,
        check_with="positive",
        max=LONGEST,
    ),
    "pool": _key(
        "Airflow's pool that the tasks take their slots from; it must exist there",
        type="string",
        default=_AIRFLOW.pool,
        check_with="label",
    ),
    "queue": _key(
        "the queue of Celery's workers that the tasks go to",
        type="string",
        nullable=True,
        default=_AIRFLOW.queue,
        check_with="label",
    ),
    "on_failure": _key(
        "notifiers to call when a task has failed for good: class path to keyword arguments", **NOTIFIERS
    ),
    "on_promotion": _key(
        "notifiers to call when there is a new champion: class path to keyword arguments", **NOTIFIERS
    ),
}

PIPELINE = {
    "description": _key("what the pipeline predicts, in words; shown in Airflow", type="string", default=""),
    "data": _section("the data", DATA) | {"required": True},
    "train": _section("what is trained, from which folder", TRAIN),
    "promote": _section("when and how a version becomes the champion", PROMOTE),
    "host": _section("hosting", HOST),
    "airflow": _section("how Airflow shows the DAGs, runs their tasks, and tells people", AIRFLOW),
}

SPEC = {
    "version": _key("version of this format: `1`", type="integer", required=True, allowed=[VERSION]),
    "defaults": _key(
        "merged beneath every pipeline; a pipeline's own value wins, mappings merge, lists don't",
        type="dict",
        default={},
    ),
    "pipelines": _key(
        "the pipelines by name: a-z, 0-9 and `_`, a letter first, at most 60 characters",
        type="dict",
        required=True,
        minlength=1,
        keysrules={"type": "string", "check_with": "name"},
        valuesrules={"type": "dict"},
    ),
}


def inner(rules: dict[str, Any], part: str | int) -> dict[str, Any]:
    """Return the rules of what stands under a key, or at a place in a list; empty if there are none."""
    if "valuesrules" in rules:
        return dict(rules["valuesrules"])
    found = rules.get("schema", {})
    return dict(found if isinstance(part, int) else found.get(part, {}))
