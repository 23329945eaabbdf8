"""What people see: a newcomer finds on Airflow's and MLflow's pages what was trained, how well, from which config."""

import shutil
from urllib.parse import quote

import pytest

from tests.stack.test_train import by_file, tree

CHROMIUM = shutil.which("chromium")
# Nothing but the pages: no sandbox of its own (containers run as root), no calls home.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture
def page():
    if CHROMIUM is None:
        pytest.skip("needs Debian's package chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser.new_page(viewport={"width": 1400, "height": 900})
        browser.close()


def test_the_pages_say_what_was_trained_from_which_config_and_how_well(project, page):
    project.drop("drops", **{"seen by people_yaml": tree(81)})
    project.filed("drops", "seen by people.yaml")
    task = project.train_task("drops_train", "seen by people.yaml: DecisionTreeClassifier")
    version = by_file(project, "drops")["seen by people.yaml"]
    metric = project.mlflow.get_run(version.run_id).data.metrics["test_f1_macro"]
    airflow, mlflow = project.addresses["airflow"], project.addresses["mlflow"]

    page.goto(f"{airflow}/dags/drops_train/runs/{quote(task['dag_run_id'])}")
    page.get_by_text("seen by people.yaml: DecisionTreeClassifier").first.wait_for()

    page.goto(f"{airflow}/dags/drops_train")
    page.get_by_text("drops_configs").first.wait_for()

    page.goto(f"{mlflow}/#/models/drops/versions/{version.version}")
    page.get_by_text(f"f1_macro {metric:.4f} on").first.wait_for()
    page.get_by_text("seen by people.yaml").first.wait_for()

    page.goto(
        f"{mlflow}/#/experiments/{project.mlflow.get_run(version.run_id).info.experiment_id}/runs/{version.run_id}"
    )
    page.get_by_text("seen by people.yaml: DecisionTreeClassifier").first.wait_for()
    page.get_by_text("Finished").first.wait_for()

    page.goto(f"{project.addresses['server']}/docs")
    page.get_by_text("/models/{pipeline}/invocations").first.wait_for()
