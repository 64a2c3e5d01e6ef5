"""The HTTP side: routes, who may call, and how a picture goes back while it is drawn."""

import asyncio
import base64
import hmac
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from . import moderation, pictures, uploads
from .errors import EngineError
from .fields import Order, read_edit, read_generation
from .metrics import Metrics
from .moderation import Moderator
from .settings import Settings
from .worker import Done, Event, Failed, Job, Step, Worker

UPLOAD_SECONDS_MAX = 60
UPLOADS_MAX = 8
"""Bodies that are read at once: each may hold some twenty megabytes of pictures."""
Endpoint = Callable[[Request], Awaitable[Response]]


class Engine:
    """The routes over one worker."""

    def __init__(
        self, settings: Settings, worker: Worker, metrics: Metrics, moderator: Moderator | None = None
    ) -> None:
        self._settings = settings
        self._worker = worker
        self._metrics = metrics
        self._moderator = moderator
        # Two: one picture is encoded while another is decoded. The thread that draws never waits for either.
        self._threads = ThreadPoolExecutor(2, "pictures")
        self._uploads = asyncio.Semaphore(UPLOADS_MAX)

    def app(self) -> Starlette:
        """The ASGI application. Its start starts the worker, its end stops it."""
        routes = [
            Route("/health", self.health),
            Route("/metrics", self._guarded(self.metrics)),
            Route("/v1/models", self._guarded(self.models)),
            Route("/v1/images/generations", self._guarded(self.generations), methods=["POST"]),
            Route("/v1/images/edits", self._guarded(self.edits), methods=["POST"]),
        ]
        if self._moderator is not None:
            routes.append(Route("/v1/moderations", self._guarded(self.moderations), methods=["POST"]))
        handlers = {EngineError: _on_engine_error, HTTPException: _on_http_error, Exception: _on_bug}
        return Starlette(routes=routes, exception_handlers=handlers, lifespan=self._lifespan)

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        self._worker.start()
        try:
            yield
        finally:
            await asyncio.to_thread(self._worker.stop)
            self._threads.shutdown(wait=False)

    def _guarded(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint for those who have the key, when there is one."""
        key = self._settings.key
        if key is None:
            return endpoint

        async def checked(request: Request) -> Response:
            given = request.headers.get("authorization", "")
            # In constant time, so that a key cannot be guessed letter by letter.
            if not hmac.compare_digest(given.encode(), f"Bearer {key}".encode()):
                raise EngineError(401, "send the engine's key as Authorization: Bearer KEY", code="invalid_api_key")
            return await endpoint(request)

        return checked

    # MARK: what it is doing

    async def health(self, _: Request) -> Response:
        """200 when pictures can be drawn, 503 before and after."""
        state = self._worker.state
        body = {"status": state, "model": self._settings.name}
        if self._worker.problem:
            body["problem"] = self._worker.problem
        return JSONResponse(
            body, 200 if state == "ready" else 503, headers={"Retry-After": "5"} if state == "loading" else None
        )

    async def models(self, _: Request) -> Response:
        model = {"id": self._settings.name, "object": "model", "created": 0, "owned_by": self._settings.weights}
        return JSONResponse({"object": "list", "data": [model]})

    async def metrics(self, _: Request) -> Response:
        drawer = self._worker.drawer
        self._metrics.ready.set(self._worker.state == "ready")
        if drawer is not None:
            self._metrics.text_hits.set(drawer.texts.hits)
            self._metrics.text_misses.set(drawer.texts.misses)
            self._metrics.memory.set(drawer.peak_bytes())
        return Response(self._metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    # MARK: pictures

    async def generations(self, request: Request) -> Response:
        """`POST /v1/images/generations`, JSON."""
        return await self._draw(request, read_generation(await self._read(uploads.read_json(request)), self._settings))

    async def edits(self, request: Request) -> Response:
        """`POST /v1/images/edits`, a form with the files."""
        fields = await self._read(uploads.read_form(request))
        return await self._draw(request, await self._on_thread(read_edit, fields, self._settings))

    async def moderations(self, request: Request) -> Response:
        """`POST /v1/moderations`, JSON with pictures as data URIs."""
        fields = await self._read(uploads.read_json(request, moderation.BODY_BYTES_MAX))
        return JSONResponse(await self._on_thread(self._moderator.answer, fields, "image-classifier"))

    async def _read(self, reading: Awaitable[Any]) -> Any:
        """A body, in bounded time and memory."""
        async with self._uploads:
            try:
                async with asyncio.timeout(UPLOAD_SECONDS_MAX):
                    return await reading
            except TimeoutError as error:
                raise EngineError(408, f"the body did not arrive within {UPLOAD_SECONDS_MAX} s") from error

    async def _on_thread(self, work: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)

    async def _draw(self, request: Request, order: Order) -> Response:
        loop = asyncio.get_running_loop()
        events: asyncio.Queue[Event] = asyncio.Queue()
        job = Job(order.picture, lambda event: loop.call_soon_threadsafe(events.put_nowait, event))
        self._worker.submit(job)
        if order.stream:
            return _JobStream(self._worker, job, self._events(order, events))
        gone = asyncio.ensure_future(_gone(request))
        answer = asyncio.ensure_future(self._answer(order, events))
        try:
            await asyncio.wait({gone, answer}, return_when=asyncio.FIRST_COMPLETED)
            return JSONResponse(await answer) if answer.done() else Response(status_code=499)
        finally:
            self._worker.cancel(job)
            gone.cancel()
            answer.cancel()

    async def _answer(self, order: Order, events: asyncio.Queue[Event]) -> dict[str, Any]:
        """The whole answer at the end of the work."""
        while True:
            match await events.get():
                case Done() as done:
                    digits = await self._on_thread(_encoded, order, done)
                    return {"created": int(time.time()), "data": [{"b64_json": digits}], **_facts(order, done)}
                case Failed(error):
                    raise error
                case _:
                    pass

    async def _events(self, order: Order, events: asyncio.Queue[Event]) -> AsyncIterator[bytes]:
        """Server-sent events: one a step, then the picture or what went wrong."""
        while True:
            match await events.get():
                case Step(step, steps):
                    yield _event({"type": "image_generation.progress", "step": step, "steps": steps})
                case Failed(error):
                    yield _event({"type": "error", **error.body})
                    return
                case Done() as done:
                    digits = await self._on_thread(_encoded, order, done)
                    facts = {"created": int(time.time()), **_facts(order, done)}
                    yield _event({"type": "image_generation.completed", "b64_json": digits, **facts})
                    return


class _JobStream(StreamingResponse):
    """A stream that ends its job with itself: also when the caller was gone before the first byte."""

    media_type = "text/event-stream"

    def __init__(self, worker: Worker, job: Job, events: AsyncIterator[bytes]) -> None:
        super().__init__(events, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._worker = worker
        self._job = job

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._worker.cancel(self._job)


def _encoded(order: Order, done: Done) -> str:
    picture = order.picture
    return base64.b64encode(pictures.encode(done.pixels, order.file_format, picture.image, picture.mask)).decode()


def _facts(order: Order, done: Done) -> dict[str, Any]:
    picture = order.picture
    size = f"{picture.width}x{picture.height}"
    return {"output_format": order.file_format, "size": size, "seed": picture.seed, "seconds": round(done.seconds, 3)}


def _event(data: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(data, separators=(',', ':'))}\n\n".encode()


async def _gone(request: Request) -> None:
    """Returns when the caller has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _on_engine_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, EngineError)
    return JSONResponse(error.body, error.status, headers=error.headers)


async def _on_http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse(EngineError(error.status_code, error.detail).body, error.status_code, headers=error.headers)


async def _on_bug(_: Request, error: Exception) -> Response:
    return JSONResponse(EngineError(500, f"a fault of the engine: {type(error).__name__}").body, 500)
