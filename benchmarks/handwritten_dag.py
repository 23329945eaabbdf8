"""A training DAG as people write it by hand: one task that loops over the files, and MLflow's default arguments."""

import importlib
import json
from datetime import datetime
from pathlib import Path

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG


def train_all(folder: str, model_name: str) -> None:
    """Train every config of a folder."""
    import mlflow
    from sklearn.datasets import load_digits
    from sklearn.metrics import f1_score
    from sklearn.model_selection import train_test_split

    mlflow.set_experiment(model_name)
    features, target = load_digits(return_X_y=True, as_frame=True)
    x_train, x_test, y_train, y_test = train_test_split(features, target, test_size=0.2, random_state=42)
    for path in sorted(Path(folder).iterdir()):
        config = json.loads(path.read_text())
        module, _, name = config["class"].rpartition(".")
        model = getattr(importlib.import_module(module), name)(**config["params"])
        model.fit(x_train, y_train)
        with mlflow.start_run(run_name=path.name):
            mlflow.log_params(config["params"])
            mlflow.log_metric("f1_macro", f1_score(y_test, model.predict(x_test), average="macro"))
            mlflow.sklearn.log_model(model, name="model", registered_model_name=model_name)


with DAG("handwritten", schedule=None, start_date=datetime(2026, 1, 1), is_paused_upon_creation=False):
    PythonOperator(
        task_id="train_all",
        python_callable=train_all,
        op_kwargs={"folder": "{{ dag_run.conf['folder'] }}", "model_name": "{{ dag_run.conf['model_name'] }}"},
    )
