"""Puts the parts together, and runs them as a program."""

import asyncio
import logging
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

import uvicorn
from starlette.applications import Starlette

from .app import Engine
from .metrics import Metrics
from .moderation import Moderator
from .pipelines import Pipelines
from .settings import KEY_VARIABLE, Settings, parse
from .weights import SetupError
from .worker import Worker

log = logging.getLogger("engine")
STOP_SECONDS = 60
"""How long a running picture may still take when the server is told to stop."""


def make_worker(settings: Settings, metrics: Metrics) -> Worker:
    """The worker with the model of the settings, which it loads when it is started."""

    def open_pipelines() -> Pipelines:
        pipelines = Pipelines(settings)
        pipelines.warm_up(settings.warmup, settings.batch)
        log.info("ready: %s (%s) on %s", settings.name, settings.weights, pipelines.device)
        return pipelines

    return Worker(open_pipelines, queue_max=settings.queue, batch_max=settings.batch, metrics=metrics)


def make_engine(settings: Settings) -> tuple[Engine, Worker]:
    """All of it but the server."""
    metrics = Metrics()
    worker = make_worker(settings, metrics)
    moderator = None if settings.moderation is None else Moderator(settings.moderation, settings.moderation_labels)
    return Engine(settings, worker, metrics, moderator), worker


class Server(uvicorn.Server):
    """A server that refuses waiting jobs as soon as it is told to stop, and lets the running one finish."""

    def __init__(self, config: uvicorn.Config, worker: Worker) -> None:
        super().__init__(config)
        self._worker = worker
        worker.on_failure = self._fail

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # Not here: a signal may interrupt the worker's own locks.
        self._loop.call_soon_threadsafe(self._worker.drain)
        super().handle_exit(sig, frame)

    def _fail(self) -> None:
        self.should_exit = True

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().serve(sockets)


class _ThreadServer(uvicorn.Server):
    """A server on a thread, which tells when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listens.set()


@contextmanager
def serving(app: Starlette) -> Iterator[int]:
    """Serves within this process, for this machine alone, until the block ends; gives the port, which was free."""
    server = _ThreadServer(uvicorn.Config(app, port=0, log_level="warning", timeout_graceful_shutdown=5))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        if not server.listens.wait(STOP_SECONDS):
            raise RuntimeError("the server within this process did not start: see its log above")
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until it is told to stop. 0 in order, 1 when the engine failed."""
    settings = parse(arguments)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(name)s: %(message)s", datefmt="%H:%M:%S", stream=sys.stderr
    )
    if settings.key is None and settings.host not in ("127.0.0.1", "::1", "localhost"):
        log.warning("anybody who reaches %s may draw here: give a key by --key-file or %s", settings.host, KEY_VARIABLE)
    try:
        engine, worker = make_engine(settings)
    except SetupError as error:
        log.error("%s", error)
        return 1
    config = uvicorn.Config(
        engine.app(),
        host=settings.host,
        port=settings.port,
        log_level="warning",
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    log.info("listening on http://%s:%d; /health answers 200 when the model is loaded", settings.host, settings.port)
    try:
        Server(config, worker).run()
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 1 if worker.problem else 0
