"""A tiny model that all tests share, and real servers over it."""

import io
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import numpy as np
import pytest
from PIL import Image

from zimage_engine.app import Engine
from zimage_engine.metrics import Metrics
from zimage_engine.moderation import Moderator
from zimage_engine.pipelines import Pipelines
from zimage_engine.server import serving
from zimage_engine.settings import Settings
from zimage_engine.worker import Job, Worker

PATIENCE = 60
"""Seconds after which what should have happened counts as missing. Nothing waits so long unless it is broken."""

TINY = Settings(weights="tiny", device="cpu")


@pytest.fixture(scope="session")
def pipelines() -> Pipelines:
    return Pipelines(TINY)


class Gate:
    """Stands before each run of the transformer and lets as many through as it is told to."""

    def __init__(self) -> None:
        self._permits = threading.Semaphore(0)
        self._arrivals: queue.Queue[None] = queue.Queue()
        self._is_open = False

    def __call__(self, *_: object) -> None:
        self._arrivals.put(None)
        if not self._is_open and not self._permits.acquire(timeout=PATIENCE):
            raise AssertionError("nobody opened the gate")

    def permit(self, count: int) -> None:
        for _ in range(count):
            self._permits.release()

    def open(self) -> None:
        self._is_open = True
        self._permits.release()

    def wait_for_arrival(self) -> None:
        self._arrivals.get(timeout=PATIENCE)


@pytest.fixture
def gate(pipelines: Pipelines) -> Iterator[Gate]:
    gate = Gate()
    hook = pipelines.transformer.register_forward_pre_hook(gate)
    yield gate
    gate.open()
    hook.remove()


class WatchedWorker(Worker):
    """Hands each job that it accepts to the test as well."""

    def __init__(self, *arguments: object, **options: object) -> None:
        super().__init__(*arguments, **options)
        self.jobs: queue.Queue[Job] = queue.Queue()

    def submit(self, job: Job) -> None:
        super().submit(job)
        self.jobs.put(job)

    def next_job(self) -> Job:
        return self.jobs.get(timeout=PATIENCE)


class Running:
    """A server in this process, on a port of its own."""

    def __init__(self, worker: WatchedWorker, port: int, metrics: Metrics) -> None:
        self.worker = worker
        self.metrics = metrics
        self.port = port
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE)

    def draw(self, **fields: object) -> httpx.Response:
        return self.client.post(
            "/v1/images/generations", json={"prompt": "a fox", "size": "256x256", "seed": 7} | fields
        )

    def edit(self, files: dict[str, bytes], **fields: object) -> httpx.Response:
        form = {"prompt": "a fox", "seed": "7"} | {name: str(value) for name, value in fields.items()}
        return self.client.post("/v1/images/edits", data=form, files=files)

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


@contextmanager
def running(
    open_drawer: Callable[[], object],
    settings: Settings = TINY,
    *,
    wait: bool = True,
    moderator: Moderator | None = None,
) -> Iterator[Running]:
    metrics = Metrics()
    worker = WatchedWorker(open_drawer, queue_max=settings.queue, batch_max=settings.batch, metrics=metrics)
    with serving(Engine(settings, worker, metrics, moderator).app()) as port:
        if wait:
            assert worker.loaded.wait(PATIENCE)
        site = Running(worker, port, metrics)
        with site.client:
            yield site


@pytest.fixture
def engine(pipelines: Pipelines) -> Iterator[Running]:
    with running(lambda: pipelines) as site:
        yield site


def picture(width: int = 256, height: int = 256, seed: int = 0) -> Image.Image:
    """Noise on a slope, so that nothing in it is like its neighbour."""
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(noise)


def half_mask(width: int = 256, height: int = 256) -> Image.Image:
    """White, which is repainted, on the left; black on the right."""
    mask = Image.new("L", (width, height), 0)
    mask.paste(255, (0, 0, width // 2, height))
    return mask


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
