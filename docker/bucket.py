"""Make the bucket for MLflow's artifacts, unless it is there."""

from __future__ import annotations

import os
from urllib.parse import urlparse

import boto3


def make(destination: str, endpoint: str) -> None:
    """Make the bucket that ``destination`` (``s3://bucket``) names."""
    client = boto3.client("s3", endpoint_url=endpoint)
    bucket = urlparse(destination).netloc
    if bucket in [found["Name"] for found in client.list_buckets()["Buckets"]]:
        print(f"the bucket {bucket} is there")
    else:
        client.create_bucket(Bucket=bucket)
        print(f"made the bucket {bucket}")


if __name__ == "__main__":
    make(os.environ["MLFLOW_ARTIFACTS_DESTINATION"], os.environ["MLFLOW_S3_ENDPOINT_URL"])
