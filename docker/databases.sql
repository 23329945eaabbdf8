-- Run once, when PostgreSQL's volume is empty. The database `airflow` is made by the image itself.
CREATE DATABASE mlflow;
