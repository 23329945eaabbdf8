"""What Cerberus alone cannot check of a spec: the rules ``check_with`` of the schema."""

from __future__ import annotations

import codecs
import json
import math
import re
import zoneinfo
from typing import Any

import cerberus
import msgspec
from croniter import CroniterError, croniter

from dropforge.settings import is_file
from generator.schema import COMMON_METRICS, GUARDS, LABEL_LENGTH, LONGEST, NAME, PRESETS

INTERVAL = re.compile(r"(\d{1,9})\s*(s|m|h|d)")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def interval_seconds(schedule: str) -> int | None:
    """Return the seconds of an interval such as ``5m``, or None for another kind of schedule."""
    match = INTERVAL.fullmatch(schedule.strip())
    return int(match[1]) * SECONDS[match[2]] if match else None


def name_problem(name: str) -> tuple[str, str] | None:
    """Return why a text cannot name a pipeline, and what to do; None if it can."""
    if not re.fullmatch(NAME, name):
        return f"'{name}' cannot name a pipeline", "Use a-z, 0-9 and _, at most 60, a letter first."
    if name == "defaults":  # dag-factory merges a file of this name beneath all others
        return "'defaults' cannot name a pipeline: dag-factory knows the word", "Choose another name."
    return None


def _is_cron(text: str) -> bool:
    """Return whether a text is a cron expression that comes due, at times that are not random."""
    if len(text.split()) != 5 or re.search(r"(?<![a-z])[rh](?![a-z])", text.lower()):  # noqa: PLR2004 - cron's fields
        return False
    try:
        croniter(text).get_next()
    except (CroniterError, ValueError):
        return False
    return True


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond all floats
        return False


class Validator(cerberus.Validator):
    """Cerberus with our checks. A custom message holds its remedy on a second line."""

    # Cerberus counts true among the whole numbers.
    types_mapping = cerberus.Validator.types_mapping | {
        "integer": cerberus.TypeDefinition("integer", (int,), (bool,)),
    }

    def _validate_check_with(self, checks: str, field: str, value: Any) -> None:
        if value is not None:  # Cerberus says what is wrong with a key that has no value
            super()._validate_check_with(checks, field, value)

    _validate_check_with.__doc__ = cerberus.Validator._validate_check_with.__doc__  # holds the rule's own schema

    def _check_with_name(self, field: str, value: str) -> None:
        if wrong := name_problem(value):
            self._error(field, "\n".join(wrong))

    def _check_with_folder(self, field: str, value: str) -> None:
        if "\0" in value:
            self._error(field, "a folder's name holds no NUL\nRemove it.")

    def _check_with_label(self, field: str, value: str) -> None:
        if not value.strip() or value != value.strip() or not value.isprintable() or len(value) > LABEL_LENGTH:
            self._error(
                field,
                f"{value!r} cannot stand in a list of Airflow's\n"
                f"Write 1 to {LABEL_LENGTH} printable characters, no space around them.",
            )

    def _check_with_notifier(self, field: str, value: str) -> None:
        if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", value, re.ASCII):
            self._error(
                field,
                f"'{value}' is no class path\n"
                "Write that of a notifier, e.g. airflow.providers.smtp.notifications.smtp.SmtpNotifier.",
            )

    def _check_with_arguments(self, field: str, value: dict[Any, Any]) -> None:
        if wrong := next((name for name in value if not str(name).isidentifier()), None):
            self._error(field, f"'{wrong}' cannot name an argument\nUse the names that the notifier's class documents.")
        try:
            travels = json.loads(msgspec.json.encode(value)) == value
        except OverflowError:  # a whole number of more than 64 bits
            travels = False
        if not travels:
            self._error(field, "a number is too large, or not finite\nWrite it as text.")

    def _check_with_finite(self, field: str, value: float) -> None:
        if not _is_finite(value):
            self._error(field, "this is no number to compare with\nWrite a finite one, such as 0.8.")

    def _check_with_share(self, field: str, value: float) -> None:
        if not 0 < value < 1:
            self._error(field, f"{value} is no share of the rows\nWrite a number between 0 and 1, such as 0.2.")

    def _check_with_positive(self, field: str, value: float) -> None:
        if not (_is_finite(value) and value > 0):
            self._error(field, "this is not above 0, or not finite\nWrite a positive number.")

    def _check_with_source(self, field: str, value: str) -> None:
        if is_file(value) or re.fullmatch(r"sklearn\.datasets\.load_[a-z0-9_]+", value):
            return
        if value.startswith("sklearn."):
            self._error(field, f"'{value}' is no data set of scikit-learn\nWrite e.g. sklearn.datasets.load_wine.")
        else:
            self._error(
                field,
                f"'{value}' is neither a scikit-learn loader nor a .csv or .parquet file"
                "\nWrite e.g. sklearn.datasets.load_wine or data/wine.csv; a folder of .parquet files ends with /.",
            )

    def _check_with_encoding(self, field: str, value: str) -> None:
        try:
            codecs.lookup(value)
        except LookupError:
            self._error(field, f"'{value}' is no encoding that Python knows\nWrite e.g. cp1252 or utf-8.")

    def _check_with_pattern(self, field: str, value: str) -> None:
        if not re.fullmatch(r"[A-Za-z_*?][\w.*?\[\]!-]*", value):
            self._error(field, f"'{value}' is no pattern of class paths\nWrite e.g. sklearn.ensemble.*")

    def _check_with_schedule(self, field: str, value: str) -> None:
        text = value.strip()
        seconds = interval_seconds(text)
        if text not in PRESETS and not (0 < seconds <= LONGEST if seconds is not None else _is_cron(text)):
            self._error(
                field,
                f"'{value}' is no schedule\nWrite five cron fields ('*/5 * * * *'), a preset "
                f"({', '.join(PRESETS)}) or an interval (30s, 5m, 1h) of at most a year.",
            )

    def _check_with_interval(self, field: str, value: str) -> None:
        seconds = interval_seconds(value)
        if seconds is None or not 0 < seconds <= LONGEST:
            self._error(field, f"'{value}' is no interval\nWrite e.g. 1h or 7d, a year at most.")

    def _check_with_timezone(self, field: str, value: str) -> None:
        try:
            zoneinfo.ZoneInfo(value)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
            self._error(field, f"'{value}' is no time zone\nWrite a name such as Europe/Berlin.")

    def _check_with_metric(self, field: str, value: str) -> None:
        if value in COMMON_METRICS:  # to import scikit-learn takes a second
            return
        from sklearn.metrics import get_scorer_names

        from dropforge.documents import did_you_mean

        names = get_scorer_names()
        if value not in names:
            hint = did_you_mean(value, names) or "Common ones: f1_macro, accuracy, roc_auc, neg_log_loss."
            self._error(field, f"scikit-learn has no scorer '{value}'\n{hint}")

    def _check_with_guard(self, field: str, value: str) -> None:
        if value in GUARDS or value in COMMON_METRICS:  # to import scikit-learn takes a second
            return
        from sklearn.metrics import get_scorer_names

        from dropforge.documents import did_you_mean

        names = get_scorer_names()
        known = [*GUARDS, *names, *(name.removeprefix("neg_") for name in names)]
        if value not in known:
            hint = did_you_mean(value, known) or f"Use {', '.join(GUARDS)}, or a scorer of scikit-learn."
            self._error(field, f"'{value}' is no guard\n{hint}")

    def _check_with_bounds(self, field: str, value: dict[str, Any]) -> None:
        limits = [value.get(name) for name in ("min", "max")]
        least, most = (v if isinstance(v, int | float) else None for v in limits)
        if limits == [None, None] and value.keys() <= {"min", "max"}:
            self._error(field, "a guard has `min`, `max` or both\nWrite e.g. {max: 0.5}.")
        elif least is not None and most is not None and least > most:
            self._error(field, "min is above max, so that nothing would pass\nExchange the two.")

    def _check_with_confidence(self, field: str, value: float) -> None:
        if not 0.5 <= value < 1:  # noqa: PLR2004 - below, it would promote what is likely worse
            self._error(field, f"{value} is no confidence\nWrite a number from 0.5 to below 1, such as 0.95.")

    def _check_with_alias(self, field: str, value: str) -> None:
        if not re.fullmatch(r"[A-Za-z][\w-]{0,99}", value) or value.lower() == "latest":
            self._error(
                field,
                f"'{value}' cannot be an alias in MLflow\nUse letters, digits, _ and -; 'latest' is MLflow's own.",
            )
        elif re.fullmatch(r"[vV]\d+", value):
            self._error(field, f"'{value}' reads like a version number\nUse a word such as production.")
