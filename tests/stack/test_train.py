"""What is dropped into a watch folder is trained exactly once, whatever happens meanwhile."""

import json
import os
import shutil
import time

import psutil

from dropforge.airflow.batches import FEW
from tests.stack.project import until

FOREST = "sklearn.ensemble.RandomForestClassifier"


def tree(depth):
    return f"class: sklearn.tree.DecisionTreeClassifier\nparams: {{max_depth: {depth}}}\n"


def by_file(project, pipeline):
    return {version.tags["config_file"]: version for version in project.versions(pipeline)}


def test_eight_configs_in_two_formats_at_once_become_eight_versions(project):
    configs = {f"tree{depth}_yaml": tree(depth) for depth in range(1, 5)}
    # A DAG's first tick comes when Airflow has read it, whatever its schedule; it would validate what is there by then.
    until(lambda: project.runs("drops_promote"), "the first tick")
    project.idle("drops_promote")
    configs |= {f"forest{n}_json": json.dumps({"class": FOREST, "params": {"n_estimators": n}}) for n in range(2, 6)}
    project.drop("drops", **configs)
    files = [".".join(name.rsplit("_", 1)) for name in configs]
    project.filed("drops", *files)
    versions = by_file(project, "drops")
    assert set(files) <= set(versions)
    version = versions["forest3.json"]
    assert version.tags["estimator"] == FOREST
    assert version.tags["validation_status"] == "pending"
    assert {"config_digest", "data_digest"} <= set(version.tags)
    run = project.mlflow.get_run(version.run_id)
    assert run.data.params["n_estimators"] == "3"
    assert run.data.params["criterion"] == "'gini'"
    assert 0.5 < run.data.metrics["test_f1_macro"] <= 1
    assert {file.path for file in project.mlflow.list_artifacts(version.run_id)} >= {
        "config",
        "confusion_matrix.png",
        "classification_report.txt",
    }
    assert run.inputs.dataset_inputs[0].dataset.name == "drops"
    labels = {task["rendered_map_index"] for task in project.tasks("drops_train") if task["task_id"] == "train"}
    assert "forest3.json: RandomForestClassifier" in labels


def test_what_the_dag_trained_is_the_same_when_it_is_trained_without_airflow(project):
    for file in ("tree3.yaml", "forest3.json"):
        found = json.loads(project.cli("reproduce", "drops", by_file(project, "drops")[file].version, "--json"))
        assert (found["same"], found["differences"]) == (True, [])
        assert found["metrics"]
        assert found["compared"] > 0
    versions = len(project.versions("drops"))
    best = json.loads(project.cli("retrain", "drops", "--json"))
    assert {outcome["status"] for outcome in best} <= {"known"}, "the data are those of then"
    assert len(project.versions("drops")) == versions


def test_a_file_that_is_written_slowly_in_pieces_is_read_whole(project):
    path = project.watch("drops") / "pieces.yaml"
    with path.open("w") as stream:
        for piece in (
            "class: sklearn.tree.DecisionTreeClassifier\n",
            "params:\n",
            "  max_depth: 7\n",
            "  min_samples_leaf: 2\n",
        ):
            stream.write(piece)
            stream.flush()
            time.sleep(0.8)  # the scenario itself: a writer that pauses longer than a whole file must be quiet
    project.filed("drops", "pieces.yaml")
    run = project.mlflow.get_run(by_file(project, "drops")["pieces.yaml"].run_id)
    assert run.data.params["min_samples_leaf"] == "2"


def test_a_broken_config_stops_no_other_and_is_explained(project):
    project.drop(
        "drops",
        good1_yaml=tree(11),
        broken_yaml="class: sklearn.tree.DecisionTreeClassifier\nparams:\n  max_dept: 3\n",
        good2_yaml=tree(12),
    )
    project.filed("drops", "good1.yaml", "good2.yaml")
    (rejected,) = project.filed("drops", "broken.yaml", folder="rejected")
    explanation = rejected.with_name("broken.yaml.error.txt").read_text()
    assert "broken.yaml:3:3" in explanation
    assert "max_dept" in explanation
    assert "Did you mean 'max_depth'?" in explanation
    assert "broken.yaml" not in by_file(project, "drops")


def test_what_is_no_config_is_explained_and_the_others_are_trained(project, tmp_path):
    secret = tmp_path / "secret.yaml"
    secret.write_text(tree(91))
    bomb = "a: &a [x, x, x, x, x, x, x, x]\n" + "".join(
        f"{name}: &{name} [{', '.join([f'*{of}'] * 8)}]\n" for of, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    hostile = {
        "outside.yaml": (lambda path: path.symlink_to(secret), "a symbolic link"),
        "dangling.yml": (lambda path: path.symlink_to("nowhere"), "a symbolic link"),
        "pipe.json": (os.mkfifo, "a named pipe"),
        "folder.yaml": (lambda path: secret.with_name("moved").rename(path), "a folder"),
        "utf16.yaml": (lambda path: path.write_bytes(tree(92).encode("utf-16")), "UTF-16"),
        "nul.yaml": (lambda path: path.write_text("class: SVC\0\n"), "nul.yaml"),
        "aliases.yaml": (lambda path: path.write_text(bomb + "class: SVC\nparams: {C: *i}\n"), "aliases.yaml"),
        "large.json": (lambda path: path.write_bytes(b" " * 10 * 2**20), "larger than 1024 KiB"),
        "two\nlines.yaml": (lambda path: path.write_text("class: Nothing\n"), "Nothing"),
        "-rf \N{SNOWMAN}.yaml": (lambda path: path.write_text("class: Nothing\n"), "Nothing"),
    }
    (tmp_path / "moved").mkdir()
    (tmp_path / "moved" / "inside.yaml").write_text(tree(93))
    os.utime(tmp_path / "moved", (0, 0))  # or the folder is given 30 seconds to be filled
    watch = project.watch("drops")
    with_newline = "good\n3.yaml"
    project.drop("drops", good4_yaml=tree(94))
    for name, (make, _) in hostile.items():
        make(watch / name)
    (watch / with_newline).write_text(tree(95))
    project.drop("drops", good5_yaml=tree(96))

    good = ["good4.yaml", with_newline, "good5.yaml"]
    project.filed("drops", *good)
    until(lambda: all(os.path.lexists(watch / "rejected" / name) for name in hostile), "the others are rejected")
    project.idle("drops_train")
    for name, (_, said) in hostile.items():
        assert said in (watch / "rejected" / f"{name}.error.txt").read_text()
        assert not os.path.lexists(watch / name)
    assert (watch / "rejected" / "outside.yaml").readlink() == secret
    assert (watch / "rejected" / "pipe.json").is_fifo()
    assert (watch / "rejected" / "folder.yaml" / "inside.yaml").read_text() == tree(93)
    assert secret.read_text() == tree(91)
    versions = by_file(project, "drops")
    assert set(good) <= set(versions)
    assert not set(hostile) & set(versions)


def test_a_candidate_that_cannot_be_fitted_is_rejected_and_the_others_of_its_file_stay(project):
    text = (
        "models:\n"
        "- class: sklearn.tree.DecisionTreeClassifier\n  params: {max_depth: 21}\n"
        "- class: sklearn.neighbors.KNeighborsClassifier\n  params: {n_neighbors: 5000}\n"
    )
    project.drop("drops", partly_yaml=text)
    (rejected,) = project.filed("drops", "partly.yaml", folder="rejected")
    assert "n_neighbors" in rejected.with_name("partly.yaml.error.txt").read_text()
    assert by_file(project, "drops")["partly.yaml"].tags["estimator"].endswith("DecisionTreeClassifier")


def test_a_candidate_over_its_limit_is_stopped_alone_in_its_batch_and_told_which_limit(project):
    many = max(FEW, 2 * os.cpu_count())
    project.drop(
        "limited",
        endless_yaml=f"class: {FOREST}\nparams: {{n_estimators: 100000000}}\n",
        huge_yaml="class: MLPClassifier\nparams: {hidden_layer_sizes: [10000, 10000]}\n",  # its weights are 860 MB
        many_yaml=f"class: DecisionTreeClassifier\ngrid: {{max_depth: {list(range(1, many + 1))}}}\n",
    )
    project.filed("limited", "many.yaml")
    stopped = project.filed("limited", "endless.yaml", "huge.yaml", folder="rejected")
    time_, memory = (path.with_name(f"{path.name}.error.txt").read_text() for path in stopped)
    assert "training took longer than 10 s (train.timeout_seconds) and was stopped" in time_
    assert "training took more than 300 MB of memory (train.memory_mb) and was stopped" in memory
    assert [version.tags["config_file"] for version in project.versions("limited")] == ["many.yaml"] * many
    assert len({task["map_index"] for task in project.tasks("limited_train") if task["task_id"] == "train"}) < many + 2


def test_names_and_values_that_json_cannot_say_stop_nobody(project):
    imputed = (
        "class: Pipeline\nparams:\n  steps:\n"
        "  - [fill, {class: SimpleImputer, params: {missing_values: .nan}}]\n"
        "  - [tree, {class: DecisionTreeClassifier, params: {max_depth: 22}}]\n"
    )
    (project.watch("drops") / os.fsdecode(b"odd\xff.yaml")).write_text(tree(23))
    project.drop("drops", nan_yaml=imputed, plain_yaml=tree(24))
    project.filed("drops", "nan.yaml", "plain.yaml")
    project.filed("drops", os.fsdecode(b"odd\xff.yaml"), folder="rejected")
    run = project.mlflow.get_run(by_file(project, "drops")["nan.yaml"].run_id)
    assert run.data.params["fill__missing_values"] == "nan"


def test_the_same_content_twice_is_trained_once_and_both_files_are_filed(project):
    project.drop("drops", same_yaml=tree(31))
    project.filed("drops", "same.yaml")
    project.drop("drops", same_yaml=tree(31), copy_yaml=tree(31))
    project.filed("drops", "same-1.yaml", "copy.yaml")
    depths = [
        project.mlflow.get_run(v.run_id).data.params["max_depth"]
        for v in project.versions("drops")
        if "Tree" in v.tags["estimator"]
    ]
    assert depths.count("31") == 1


def test_a_long_fit_holds_nobody_up_and_a_task_marked_failed_loses_nothing(project):
    project.points.arm("fitting")
    project.drop("slow", long_yaml=tree(9))
    fit = until(lambda: project.points.held("fitting"), "the long fit runs")
    task = project.train_task("slow_train", "long.yaml: DecisionTreeClassifier")
    project.drop("slow", quick_yaml=tree(3))
    project.filed("slow", "quick.yaml")
    assert project.waiting("slow") == ["long.yaml"], "the long fit is still under way, and its config in its place"

    where = f"/dags/slow_train/dagRuns/{task['dag_run_id']}/taskInstances/train/{task['map_index']}"
    project.airflow.patch(where, json={"new_state": "failed"}).raise_for_status()
    (rejected,) = project.filed("slow", "long.yaml", folder="rejected")
    until(lambda: not psutil.pid_exists(fit), "its process is ended")
    project.points.release()
    assert "marked failed" in rejected.with_name("long.yaml.error.txt").read_text()
    project.idle("slow_train")
    assert "long.yaml" not in by_file(project, "slow")

    # Cleared, the same task trains it after all, and the config moves on to done/.
    clear(project, "slow_train", task)
    project.filed("slow", "long.yaml")
    assert not (rejected.exists())
    assert not (rejected.with_name("long.yaml.error.txt").exists())
    assert "long.yaml" in by_file(project, "slow")


def test_a_cleared_task_of_a_finished_run_doubles_nothing(project):
    project.drop("slow", cleared_yaml=tree(5))
    project.filed("slow", "cleared.yaml")
    project.idle("slow_train")
    task = project.train_task("slow_train", "cleared.yaml: DecisionTreeClassifier")
    clear(project, "slow_train", task)
    again = until(
        lambda: (
            (t := project.train_task("slow_train", task["rendered_map_index"]))["try_number"] > task["try_number"]
            and t["state"] == "success"
            and t
        ),
        "the cleared task ran again",
    )
    assert again["map_index"] == task["map_index"]
    project.idle("slow_train")
    assert len([v for v in project.versions("slow") if v.tags["config_file"] == "cleared.yaml"]) == 1
    assert [p.name for p in (project.watch("slow") / "done").glob("cleared*")] == ["cleared.yaml"]
    # The run has one leaderboard, with its version, though it was saved twice.
    board = project.mlflow.get_experiment_by_name("slow-leaderboard")
    condition = f"tags.train_run = '{task['dag_run_id']}' and attributes.status = 'FINISHED'"
    (saved,) = project.mlflow.search_runs([board.experiment_id], condition)
    assert "| `cleared.yaml` |" in saved.data.tags["mlflow.note.content"]
    assert {f.path for f in project.mlflow.list_artifacts(saved.info.run_id)} == {"leaderboard.csv", "leaderboard.png"}


def test_a_drop_while_the_dag_is_paused_is_trained_once_it_is_unpaused(project):
    project.pause("paused_train", True)
    project.drop("paused", waits_yaml=tree(4))
    project.drop("drops", meanwhile_yaml=tree(41))
    project.filed("drops", "meanwhile.yaml")
    assert project.waiting("paused") == ["waits.yaml"]
    project.pause("paused_train", False)
    project.filed("paused", "waits.yaml")
    assert set(by_file(project, "paused")) == {"waits.yaml"}


def test_a_watch_folder_that_is_removed_is_made_and_watched_anew(project):
    project.idle("paused_train")
    shutil.rmtree(project.watch("paused"))
    until(lambda: project.watch("paused").is_dir(), "the folder is there again")
    project.drop("paused", again_yaml=tree(42))
    project.filed("paused", "again.yaml")


def test_while_nobody_drops_anything_no_run_lives(project):
    project.idle("drops_train", "slow_train", "paused_train", "prompt_train", "text_train")
    before = {dag: len(project.runs(dag)) for dag in ("drops_train", "slow_train")}
    # Longer than the trigger's longest pause between two looks.
    deadline = time.monotonic() + 6
    while time.monotonic() < deadline:
        assert {dag: len(project.runs(dag)) for dag in before} == before
        time.sleep(0.5)


def test_the_text_of_the_spec_reaches_a_real_task_unchanged(project):
    from dropforge.settings import decode

    spec = project.spec.pipeline("text")
    project.drop("text", **{"odd {{ 1 + 1 }} $HOME_yaml": tree(2)})
    project.filed("text", "odd {{ 1 + 1 }} $HOME.yaml")
    task = project.train_task("text_train", "odd {{ 1 + 1 }} $HOME.yaml: DecisionTreeClassifier")
    assert task["state"] == "success"
    run = task["dag_run_id"]
    rendered = {t["task_id"]: t["rendered_fields"] for t in project.tasks("text_train", run)}
    for name in ("claim", "finish"):
        assert decode(rendered[name]["op_kwargs"]["settings"]) == spec
    version = by_file(project, "text")["odd {{ 1 + 1 }} $HOME.yaml"]
    assert version.tags["config_file"] == "odd {{ 1 + 1 }} $HOME.yaml"
    dag = project.airflow.get("/dags/text_train/details").json()
    assert spec.description in dag["doc_md"]


def clear(project, dag, task):
    body = {
        "dry_run": False,
        "dag_run_id": task["dag_run_id"],
        "task_ids": [["train", task["map_index"]]],
        "include_downstream": True,
        "only_failed": False,
        "reset_dag_runs": True,
    }
    project.airflow.post(f"/dags/{dag}/clearTaskInstances", json=body).raise_for_status()
