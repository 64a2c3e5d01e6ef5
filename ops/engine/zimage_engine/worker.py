"""The queue and the one thread that draws. A GPU is fastest when one thread feeds it, so everybody else waits here."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from .errors import EngineError
from .metrics import Metrics
from .pipelines import BatchKey, Cancelled, OnStep, PictureRequest
from .text_cache import TextCache
from .weights import SetupError

log = logging.getLogger("engine")


@dataclass(frozen=True)
class Step:
    """One more step of a job is done."""

    step: int
    steps: int


@dataclass(frozen=True)
class Done:
    """The picture, height x width x 3 bytes, and the engine's time that it took."""

    pixels: np.ndarray
    seconds: float


@dataclass(frozen=True)
class Failed:
    """There will be no picture."""

    error: EngineError


Event = Step | Done | Failed


class Drawer(Protocol):
    """What the thread draws with: ``Pipelines``, or a test's own."""

    forwards: int
    texts: TextCache

    def batch_key(self, request: PictureRequest) -> BatchKey | None: ...
    def draw(self, requests: list[PictureRequest], on_step: OnStep) -> list[np.ndarray]: ...
    def free_memory(self) -> None: ...
    def peak_bytes(self) -> int: ...


class Job:
    """One request on its way. Its events go to `tell`, which is called on the engine's thread and must not block."""

    def __init__(self, request: PictureRequest, tell: Callable[[Event], None]) -> None:
        self.request = request
        self.tell = tell
        self.cancelled = threading.Event()


class Worker:
    """Loads the model, then draws what was submitted, in order."""

    def __init__(self, open_drawer: Callable[[], Drawer], *, queue_max: int, batch_max: int, metrics: Metrics) -> None:
        self._open_drawer = open_drawer
        self._queue_max = queue_max
        self._batch_max = batch_max
        self._metrics = metrics
        self.on_failure: Callable[[], None] = lambda: None
        """Called when the thread can draw nothing any more; the program should end then."""
        self._waiting: deque[Job] = deque()
        self._running: list[Job] = []
        self._changed = threading.Condition()
        self._seconds = 1.0
        self._counted = 0
        self._thread = threading.Thread(target=self._main, name="engine", daemon=True)
        self.state = "loading"
        """`loading`, `ready`, `stopping` or `failed`."""
        self.loaded = threading.Event()
        """Set when the state is no longer `loading`."""
        self.problem: str | None = None
        """Why it failed."""
        self.drawer: Drawer | None = None

    def start(self) -> None:
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Puts a job into the queue. Raises ``EngineError``: 429 when it is full, 503 while there is nobody to draw."""
        with self._changed:
            if self.state == "loading":
                raise EngineError(
                    503, "the model is being loaded: try again in a moment", code="loading", retry_after=5
                )
            if self.state != "ready":
                raise EngineError(503, f"the engine is {self.state}: ask another one", code=self.state)
            if len(self._waiting) >= self._queue_max:
                raise EngineError(
                    429,
                    f"{self._queue_max} jobs are waiting already: try again later",
                    code="queue_full",
                    retry_after=self._wait_estimate(),
                )
            self._waiting.append(job)
            self._metrics.waiting.set(len(self._waiting))
            self._changed.notify_all()

    def _wait_estimate(self) -> int:
        return min(max(round(self._seconds * (len(self._waiting) + 1)), 1), 60)

    def cancel(self, job: Job) -> None:
        """Nobody waits for the job: one in the queue leaves it at once, one that runs stops after its present step.

        A job that shares a batch stops alone; the batch goes on for the others. Does nothing to a job that has ended.
        """
        with self._changed:
            if job in self._waiting:
                self._waiting.remove(job)
                self._metrics.waiting.set(len(self._waiting))
                self._metrics.jobs.labels("cancelled").inc()
            job.cancelled.set()

    def drain(self) -> None:
        """Takes no new jobs and refuses those that wait; the running one goes on."""
        with self._changed:
            if self.state in ("loading", "ready"):
                self.state = "stopping"
            self._refuse_waiting(EngineError(503, "the engine is stopping: ask another one", code="stopping"))
            self._changed.notify_all()

    def stop(self, timeout: float | None = 30) -> None:
        """Drains, stops the running job after its present step, and waits for the thread."""
        self.drain()
        with self._changed:
            for job in self._running:
                job.cancelled.set()
        # A thread that still loads weights cannot be stopped; it ends with the program.
        if self.drawer is not None:
            self._thread.join(timeout)

    def _refuse_waiting(self, error: EngineError) -> None:
        while self._waiting:
            self._waiting.popleft().tell(Failed(error))
            self._metrics.jobs.labels("refused").inc()
        self._metrics.waiting.set(0)

    # MARK: the engine's thread

    def _main(self) -> None:
        try:
            drawer = self._open_drawer()
            with self._changed:
                self.drawer = drawer
                self._counted = drawer.forwards
                if self.state == "loading":
                    self.state = "ready"
            self.loaded.set()
            while batch := self._take(drawer):
                self._draw(drawer, batch)
        except Exception as error:
            log.error("the engine has failed: %s", error, exc_info=not isinstance(error, SetupError))
            self._fail(str(error))

    def _fail(self, problem: str) -> None:
        with self._changed:
            self.state = "failed"
            self.problem = problem
            error = EngineError(503, "the engine has failed and ends: ask another one", code="failed")
            for job in self._running:
                job.tell(Failed(error))
            self._refuse_waiting(error)
        self.loaded.set()
        self.on_failure()

    def _take(self, drawer: Drawer) -> list[Job]:
        """The next job, and those that may be drawn with it; none when the engine stops."""
        with self._changed:
            self._running = []
            self._changed.wait_for(lambda: self._waiting or self.state == "stopping")
            if self.state == "stopping":
                return []
            job = self._waiting.popleft()
            self._running = [job]
            others = list(self._waiting) if self._batch_max > 1 else []
        # Keys need the prompts' texts, which may take a moment: the queue is open meanwhile.
        try:
            key = drawer.batch_key(job.request) if others else None
            fitting = [other for other in others if key is not None and drawer.batch_key(other.request) == key]
        except Exception:
            # Whatever is wrong with one of them, it shows when that one is drawn.
            fitting = []
        with self._changed:
            # Some may have been cancelled meanwhile.
            fitting = [other for other in fitting if other in self._waiting]
            fitting = fitting[: _power_of_two(1 + len(fitting), self._batch_max) - 1]
            for other in fitting:
                self._waiting.remove(other)
            self._running = [job, *fitting]
            self._metrics.waiting.set(len(self._waiting))
            return self._running

    def _draw(self, drawer: Drawer, batch: list[Job]) -> None:
        self._metrics.running.set(len(batch))
        too_large = False
        try:
            self._try(drawer, batch)
        except Cancelled:
            # Whoever is still there was not the one that cancelled.
            stopping = EngineError(503, "the engine is stopping: ask another one", code="stopping")
            self._end(batch, Failed(stopping), "cancelled")
        except torch.OutOfMemoryError:
            # Only marked here: until this block is left, the error holds what did not fit.
            too_large = True
        except torch.AcceleratorError:
            # The device's context is lost, and with it every later picture: only a new process helps.
            raise
        except Exception as error:
            log.exception("a picture failed")
            self._end(batch, Failed(EngineError(500, f"drawing failed: {error}", code="failed")), "failed")
        finally:
            self._metrics.running.set(0)
            self._count(drawer)
        if too_large:
            self._draw_smaller(drawer, batch)

    def _try(self, drawer: Drawer, batch: list[Job]) -> None:
        def on_step(step: int, steps: int) -> None:
            self._count(drawer)
            active = [job for job in batch if not job.cancelled.is_set()]
            if not active:
                raise Cancelled
            for job in active:
                job.tell(Step(step, steps))

        if all(job.cancelled.is_set() for job in batch):
            raise Cancelled
        began = time.monotonic()
        pictures = drawer.draw([job.request for job in batch], on_step)
        # A batch shares the time, as it shares the engine.
        seconds = (time.monotonic() - began) / len(batch)
        self._seconds = 0.7 * self._seconds + 0.3 * seconds
        self._metrics.batch_size.observe(len(batch))
        for job, pixels in zip(batch, pictures, strict=True):
            self._metrics.seconds.observe(seconds)
            self._end([job], Done(pixels, seconds), "cancelled" if job.cancelled.is_set() else "completed")

    def _draw_smaller(self, drawer: Drawer, batch: list[Job]) -> None:
        drawer.free_memory()
        if len(batch) == 1:
            message = "the picture does not fit into the GPU's memory: see --offload"
            self._end(batch, Failed(EngineError(500, message, code="out_of_memory")), "failed")
            return
        log.warning("%d pictures at once do not fit: drawing them one by one; see --batch", len(batch))
        for job in batch:
            self._draw(drawer, [job])

    def _count(self, drawer: Drawer) -> None:
        self._metrics.forwards.inc(drawer.forwards - self._counted)
        self._counted = drawer.forwards

    def _end(self, batch: list[Job], event: Event, outcome: str) -> None:
        for job in batch:
            self._metrics.jobs.labels(outcome).inc()
            job.tell(event)


def _power_of_two(count: int, most: int) -> int:
    """The largest power of two up to both: few sizes of batch, so that each can be compiled and warmed up."""
    return 1 << (min(count, most).bit_length() - 1)
