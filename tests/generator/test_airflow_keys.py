"""One mistake of each kind in the keys below `airflow`: its line, what is wrong, and what to do."""

import pytest

from dropforge.documents import UserError
from tests.generator.specs import WINE, spec_of

LABEL = "Write 1 to 100 printable characters, no space around them."
NUMBER = "Correct the value."
CLASS = "Write that of a notifier, e.g. airflow.providers.smtp.notifications.smtp.SmtpNotifier."
NAMES = "Use the names that the notifier's class documents."


@pytest.mark.parametrize(
    ("line", "path", "message", "remedy"),
    [
        ("ownr: me", "ownr", "the key 'ownr' is unknown", "Did you mean 'owner'?"),
        ("owner: ''", "owner", "'' cannot stand in a list of Airflow's", LABEL),
        ("owner: ' me'", "owner", "' me' cannot stand in a list of Airflow's", LABEL),
        ("owner: 7", "owner", "7 is not text", NUMBER),
        ("owner: [me, you]", "owner", "['me', 'you'] is not text", NUMBER),
        ("tags: wine", "tags", "'wine' is not a list", NUMBER),
        ('tags: [a, "b\\tc"]', "tags[1]", "'b\\tc' cannot stand in a list of Airflow's", LABEL),
        ("tags: [2026]", "tags[0]", "2026 is not text", NUMBER),
        ("retries: -1", "retries", "-1 is below 0", "Write a larger number."),
        ("retries: 101", "retries", "101 is above 100", "Write a smaller number."),
        ("retries: 2.5", "retries", "2.5 is not a whole number", NUMBER),
        ("retries: true", "retries", "True is not a whole number", NUMBER),
        ("retry_delay_seconds: 0", "retry_delay_seconds", "this is not above 0, or not finite",
         "Write a positive number."),
        ("retry_delay_seconds: 5m", "retry_delay_seconds", "'5m' is not a number", NUMBER),
        ("retry_delay_seconds: 1e9", "retry_delay_seconds", "1000000000.0 is above 31622400",
         "Write a smaller number."),
        ("pool: ''", "pool", "'' cannot stand in a list of Airflow's", LABEL),
        ("pool: {fits: 2}", "pool", "{'fits': 2} is not text", NUMBER),
        ('queue: "big\\n"', "queue", "'big\\n' cannot stand in a list of Airflow's", LABEL),
        ("queue: 1", "queue", "1 is not text", NUMBER),
        ("on_failure: mail", "on_failure", "'mail' is not a mapping", NUMBER),
        ("on_failure: [a.B]", "on_failure", "['a.B'] is not a mapping", NUMBER),
        ("on_failure: {SmtpNotifier: {}}", "on_failure.SmtpNotifier", "'SmtpNotifier' is no class path", CLASS),
        ("on_failure: {'a.b()': {}}", "on_failure.a.b()", "'a.b()' is no class path", CLASS),
        ("on_failure: {a.B: me}", "on_failure.a.B", "'me' is not a mapping", NUMBER),
        ("on_failure: {a.B: }", "on_failure.a.B", "'a.B' has no value", "Write a value, or leave the key out."),
        ("on_promotion: {a.B: {to-whom: me}}", "on_promotion.a.B", "'to-whom' cannot name an argument", NAMES),
        ("on_promotion: {a.B: {n: .inf}}", "on_promotion.a.B", "a number is too large, or not finite",
         "Write it as text."),
    ],
)  # fmt: skip
def test_a_mistake_has_its_line_and_its_remedy(tmp_path, line, path, message, remedy):
    with pytest.raises(UserError) as caught:
        spec_of(tmp_path, f"{WINE}    airflow:\n      {line}\n")
    (problem,) = caught.value.problems
    assert (problem.line, problem.path) == (6, f"pipelines.wine.airflow.{path}")
    assert (problem.message, problem.remedy) == (message, remedy)


def test_what_airflow_takes_is_taken(tmp_path):
    keys = (
        "{owner: ml team, tags: [ä], retries: 0, retry_delay_seconds: 0.5, pool: p, queue: null, on_failure: {a.B: {}}}"
    )
    airflow = spec_of(tmp_path, f"{WINE}    airflow: {keys}\n").pipelines[0].airflow
    assert (airflow.owner, airflow.tags, airflow.retries, airflow.queue) == ("ml team", ("ä",), 0, None)
    assert (airflow.retry_delay_seconds, airflow.pool, airflow.on_failure) == (0.5, "p", {"a.B": {}})
