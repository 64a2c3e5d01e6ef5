"""What `GET /metrics` tells, in Prometheus' text format."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest

disable_created_metrics()


class Metrics:
    """The counters of one server, in a registry of their own: a process may have several servers, as tests do."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.jobs = Counter(
            "engine_jobs",
            "Jobs by how they ended: completed, cancelled, failed, refused",
            ["outcome"],
            registry=self.registry,
        )
        self.waiting = Gauge("engine_jobs_waiting", "Jobs in the queue", registry=self.registry)
        self.running = Gauge("engine_jobs_running", "Jobs that are being drawn", registry=self.registry)
        self.forwards = Counter(
            "engine_forwards", "Runs of the transformer, a batch counted once", registry=self.registry
        )
        self.seconds = Histogram(
            "engine_job_seconds",
            "The engine's time for a picture, without waiting and encoding; a batch shares it",
            registry=self.registry,
            buckets=(0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30, 60, 120),
        )
        self.batch_size = Histogram(
            "engine_batch_size", "Jobs drawn together", registry=self.registry, buckets=(1, 2, 4, 8, 16)
        )
        self.text_hits = Gauge("engine_text_cache_hits", "Prompts whose text was known", registry=self.registry)
        self.text_misses = Gauge("engine_text_cache_misses", "Prompts that were encoded", registry=self.registry)
        self.ready = Gauge("engine_ready", "Whether the model is loaded", registry=self.registry)
        self.memory = Gauge("engine_gpu_peak_bytes", "The most GPU memory in use so far", registry=self.registry)

    def text(self) -> bytes:
        return generate_latest(self.registry)
