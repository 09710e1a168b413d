"""What a server counts, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

CONTENT_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """The counters of one server, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "foveate_requests", "Requests that were answered.", ["route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "foveate_request_seconds", "From request to answer.", ["route"], registry=self.registry
        )
        self.batches = Histogram(
            "foveate_batch_images",
            "Images that were computed together.",
            buckets=(1, 2, 4, 8, 16, 32, 64),
            registry=self.registry,
        )
        self.computing = Histogram(
            "foveate_batch_seconds", "Seconds of the network for a batch.", registry=self.registry
        )
        self.in_work = Gauge(
            "foveate_in_work", "Requests that were taken and not yet answered.", registry=self.registry
        )

        self.window = Gauge(
            "foveate_drift_images", "Images in the window that is not yet judged.", registry=self.registry
        )
        self.drift_index = Gauge(
            "foveate_drift_index",
            "Population stability index against the run's validation images, of the last full window.",
            ["sign"],
            registry=self.registry,
        )
        self.drift_found = Gauge(
            "foveate_drift",
            "Whether the sign has drifted beyond chance in the last full window.",
            ["sign"],
            registry=self.registry,
        )

    def batch(self, images: int, seconds: float) -> None:
        """Count a batch."""
        self.batches.observe(images)
        self.computing.observe(seconds)

    def text(self) -> bytes:
        """Return all counters in Prometheus' text format."""
        return generate_latest(self.registry)
