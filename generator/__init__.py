"""Dropforge at build time: pipelines.yaml in, the text of dags_generated out. Knows neither Airflow nor MLflow."""
