"""What ``/metrics`` tells Prometheus."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector

from dropforge.serving.front import Note
from dropforge.serving.models import Models

_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_WRONG = 400  # and above: the request was not answered


class Meters:
    """Counters, by pipeline."""

    def __init__(self, models: Models) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(_Versions(models))
        self.requests = Counter(
            "dropforge_requests", "Predictions asked for", ["pipeline", "status"], registry=self.registry
        )
        self.errors = Counter(
            "dropforge_errors", "Predictions that were refused or failed", ["pipeline"], registry=self.registry
        )
        self.rows = Counter("dropforge_rows", "Rows that were answered", ["pipeline"], registry=self.registry)
        self.seconds = Histogram(
            "dropforge_request_seconds", "Seconds to answer", ["pipeline"], registry=self.registry, buckets=_BUCKETS
        )
        self.swaps = Counter("dropforge_swaps", "Versions swapped in", ["pipeline"], registry=self.registry)

    def count(self, note: Note, seconds: float) -> None:
        """Count a request that has ended, if it asked a pipeline for predictions."""
        name = note.pipeline
        if name is None:
            return
        self.requests.labels(name, str(note.status)).inc()
        self.seconds.labels(name).observe(seconds)
        if note.status >= _WRONG:
            self.errors.labels(name).inc()
        elif note.rows:
            self.rows.labels(name).inc(note.rows)


class _Versions(Collector):
    """Tells which version answers, of the pipelines that are served at that moment."""

    def __init__(self, models: Models) -> None:
        self.models = models

    def collect(self) -> Iterable[GaugeMetricFamily]:
        gauge = GaugeMetricFamily("dropforge_model_version", "The version that answers", labels=["pipeline"])
        for name, model in self.models.served.items():
            if version := model.version:
                gauge.add_metric([name], version.number)
        yield gauge
        loaded = sum(model.current is not None for model in self.models.served.values())
        yield GaugeMetricFamily("dropforge_models_loaded", "Models in memory", value=loaded)
