"""The embedded stack: Airflow, MLflow and the model server on loopback, started and supervised by one command."""
