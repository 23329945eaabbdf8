"""What is wrong with notifiers shows before Airflow reads the DAGs, with the line of the spec."""

import pytest

from tests.dropforge.cli.commands import SPEC

MODULES = {
    "mine.py": "from airflow.sdk import BaseNotifier\nprint('hello')\n"
    "class Mine(BaseNotifier):\n    def __init__(self, text):\n        self.text = text\n",
    "broken.py": "1 / 0\n",
}
NOTIFIERS = """\
    airflow:
      on_failure:
        mine.Mine: {text: "{{ 1 }}"}
        mine.Missing: {}
        broken.Broken: {}
      on_promotion:
        mine.Mine: {txt: a}
        pathlib.Path: {}
"""


@pytest.mark.slow
def test_each_mistake_has_its_line(run, home, monkeypatch):
    (home / "dags_generated").mkdir()
    for name, text in MODULES.items():
        (home / "dags_generated" / name).write_text(text)
    (home / "pipelines.yaml").write_text(SPEC + NOTIFIERS)
    monkeypatch.setenv("AIRFLOW_HOME", str(home / "not made"))
    result = run("check")
    assert (result.code, result.out) == (1, "")
    assert "Traceback" not in result.err
    at = "pipelines.wine.airflow"
    assert [line for line in result.err.splitlines() if not line.startswith(" ")] == [
        f"pipelines.yaml:10:9: {at}.on_failure.mine.Missing: there is no such class: "
        'Module "mine" does not define a "Missing" attribute/class',
        f"pipelines.yaml:11:9: {at}.on_failure.broken.Broken: its module cannot be imported: ZeroDivisionError: "
        "division by zero",
        f"pipelines.yaml:13:9: {at}.on_promotion.mine.Mine: TypeError: "
        "Mine.__init__() got an unexpected keyword argument 'txt'",
        f"pipelines.yaml:14:9: {at}.on_promotion.pathlib.Path: this is no notifier of Airflow's",
    ]
    assert {path.name for path in home.iterdir()} == {"configs", "dags_generated", "pipelines.yaml"}
