"""Measures whole requests as a client sees them: over HTTP, to the engine's own server in this process."""

import http.client
import itertools
import json
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from .app import Engine
from .bench_floor import Clock, Times, transformer_flops
from .bench_table import WHOLE, Table
from .metrics import Metrics
from .pipelines import BATCH_PIXELS_MAX, Pipelines
from .server import serving
from .settings import Settings
from .weights import SetupError
from .worker import Worker

CLIENTS_SMALL, CLIENTS_LARGE = 8, 2
"""Clients at once: enough to fill batches of pictures that may share one, else enough to keep the GPU busy."""
REQUEST_SECONDS_MAX = 600


def prompt(number: int) -> str:
    """Prompts of one length, which is that of the floor's text, padded."""
    return f"a fox in the snow, picture {number:06d}"


class Client:
    """One connection, kept open."""

    def __init__(self, port: int, numbers: "itertools.count[int]") -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=REQUEST_SECONDS_MAX)
        # A prompt never comes twice, so that each request pays for its text.
        self._numbers = numbers

    def draw(self, width: int, height: int) -> float:
        """The seconds until the last byte of a picture was there."""
        body = json.dumps({"prompt": prompt(next(self._numbers)), "size": f"{width}x{height}", "seed": 7})
        began = time.perf_counter()
        self._connection.request("POST", "/v1/images/generations", body, {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        content = answer.read()
        took = time.perf_counter() - began
        if answer.status != 200:
            raise RuntimeError(f"the engine answered {answer.status}: {content[:500].decode(errors='replace')}")
        return took

    def close(self) -> None:
        self._connection.close()


def draw_together(clients: Sequence[Client], each: int, width: int, height: int) -> tuple[Times, float]:
    """Each client sends its next request when it has its picture: the times, and pictures a second of all."""

    def series(client: Client) -> list[float]:
        return [client.draw(width, height) for _ in range(each)]

    with ThreadPoolExecutor(len(clients)) as threads:
        began = time.perf_counter()
        times = tuple(itertools.chain.from_iterable(threads.map(series, clients)))
        return Times(times), len(times) / (time.perf_counter() - began)


def measure_requests(
    settings: Settings,
    open_pipelines: Callable[[], Pipelines],
    clock: Clock,
    table: Table,
    sizes: Sequence[tuple[int, int]],
) -> None:
    """Starts the engine over what `open_pipelines` returns, which runs on the engine's own thread, and adds the rows.

    Raises ``SetupError`` when the engine does not start, ``RuntimeError`` when it draws no picture.
    """
    metrics = Metrics()
    worker = Worker(open_pipelines, queue_max=settings.queue, batch_max=settings.batch, metrics=metrics)
    numbers = itertools.count()
    with serving(Engine(settings, worker, metrics).app()) as port:
        worker.loaded.wait()
        if worker.problem:
            raise SetupError(worker.problem)
        clients = [Client(port, numbers) for _ in range(CLIENTS_SMALL)]
        try:
            for width, height in sizes:
                _measure_size(worker.drawer, clients, clock, table, width, height)
        finally:
            for client in clients:
                client.close()


def _measure_size(
    pipelines: Pipelines, clients: Sequence[Client], clock: Clock, table: Table, width: int, height: int
) -> None:
    size, flops = f"{width}x{height}", 8 * transformer_flops(pipelines, width, height)
    alone = clock.times(lambda: clients[0].draw(width, height))
    table.add(WHOLE, size, 1, alone, flops=flops, peak_bytes=pipelines.peak_bytes())
    together = clients[: CLIENTS_SMALL if width * height <= BATCH_PIXELS_MAX else CLIENTS_LARGE]
    if clock.warmups:
        draw_together(together, 1, width, height)
    clock.forget_peak()
    times, a_second = draw_together(together, math.ceil(clock.repeats / 2), width, height)
    peak = pipelines.peak_bytes()
    table.add(WHOLE, size, len(together), times, flops=flops, a_second=a_second, peak_bytes=peak)
