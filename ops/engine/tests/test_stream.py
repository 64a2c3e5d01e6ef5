"""Progress, callers that go away, and a queue with an end."""

import json
import socket
import threading
from collections.abc import Iterator

import httpx
import pytest
from conftest import PATIENCE, TINY, Gate, Running, running

from zimage_engine.pipelines import Pipelines
from zimage_engine.settings import Settings
from zimage_engine.weights import SetupError


def events(reply: httpx.Response) -> Iterator[dict]:
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("text/event-stream")
    for line in reply.iter_lines():
        if line:
            yield json.loads(line.removeprefix("data: "))


def stream(engine: Running, **fields: object) -> object:
    body = {"prompt": "a fox", "size": "256x256", "seed": 7, "stream": True} | fields
    return engine.client.stream("POST", "/v1/images/generations", json=body)


def test_each_step_is_told_in_order(engine: Running) -> None:
    with stream(engine) as reply:
        seen = list(events(reply))
    assert seen[:8] == [{"type": "image_generation.progress", "step": step, "steps": 8} for step in range(1, 9)]
    assert [event["type"] for event in seen[8:]] == ["image_generation.completed"]
    whole = engine.draw().json()
    assert seen[8]["b64_json"] == whole["data"][0]["b64_json"]
    assert seen[8]["seconds"] > 0 and seen[8]["seed"] == 7


def test_the_work_stops_when_the_caller_goes(pipelines: Pipelines, gate: Gate, engine: Running) -> None:
    before = pipelines.forwards
    gate.permit(2)
    with stream(engine) as reply:
        seen = events(reply)
        assert [next(seen)["step"], next(seen)["step"]] == [1, 2]
        job = engine.worker.next_job()
    assert job.cancelled.wait(PATIENCE)
    gate.open()
    # The next one begins only when the thread has left the first.
    assert engine.draw().status_code == 200
    assert pipelines.forwards - before <= 3 + 8
    assert engine.count("engine_jobs_total", outcome="cancelled") == 1


@pytest.mark.parametrize("stream", [True, False])
def test_a_caller_that_goes_while_it_waits_leaves_the_queue(
    stream: bool, pipelines: Pipelines, gate: Gate, engine: Running
) -> None:
    before = pipelines.forwards
    first = threading.Thread(target=engine.draw)
    first.start()
    gate.wait_for_arrival()
    engine.worker.next_job()
    body = json.dumps({"prompt": "a fox", "size": "256x256", "stream": stream}).encode()
    head = f"POST /v1/images/generations HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", engine.port)) as connection:
        connection.sendall(head.encode() + body)
        job = engine.worker.next_job()
        assert engine.count("engine_jobs_waiting") == 1
    assert job.cancelled.wait(PATIENCE)
    assert engine.count("engine_jobs_waiting") == 0
    gate.open()
    first.join()
    assert pipelines.forwards - before == 8


def test_a_full_queue_says_when_to_come_again(pipelines: Pipelines, gate: Gate) -> None:
    with running(lambda: pipelines, Settings(weights="tiny", device="cpu", queue=1)) as engine:
        callers = []
        for _ in range(2):
            callers.append(threading.Thread(target=engine.draw))
            callers[-1].start()
            engine.worker.next_job()
            if len(callers) == 1:
                gate.wait_for_arrival()
        for wanted in (True, False):
            reply = engine.draw(stream=wanted)
            assert reply.status_code == 429
            assert reply.json()["error"]["code"] == "queue_full"
            assert 1 <= int(reply.headers["retry-after"]) <= 60
        gate.open()
        for caller in callers:
            caller.join()
        assert engine.draw().status_code == 200


def test_it_is_ready_when_the_model_is_loaded(pipelines: Pipelines) -> None:
    may_load = threading.Event()

    def load() -> Pipelines:
        assert may_load.wait(PATIENCE)
        return pipelines

    with running(load, wait=False) as engine:
        for reply in (engine.client.get("/health"), engine.draw()):
            assert reply.status_code == 503
            assert int(reply.headers["retry-after"]) > 0
        assert engine.client.get("/health").json()["status"] == "loading"
        may_load.set()
        assert engine.worker.loaded.wait(PATIENCE)
        assert engine.client.get("/health").status_code == 200
        assert engine.draw().status_code == 200


def test_a_model_that_cannot_be_loaded_is_told() -> None:
    def load() -> Pipelines:
        raise SetupError("no such folder")

    with running(load) as engine:
        health = engine.client.get("/health")
        assert health.status_code == 503
        assert health.json() == {"status": "failed", "model": TINY.name, "problem": "no such folder"}
        assert engine.draw().json()["error"]["code"] == "failed"


def test_a_picture_that_fails_is_told_and_the_next_is_drawn(pipelines: Pipelines, engine: Running) -> None:
    def break_it(*_: object) -> None:
        raise RuntimeError("a cosmic ray")

    hook = pipelines.transformer.register_forward_pre_hook(break_it)
    with stream(engine) as reply:
        failed = list(events(reply))
    whole = engine.draw()
    hook.remove()
    assert failed[-1]["type"] == "error" and "cosmic ray" in failed[-1]["error"]["message"]
    assert whole.status_code == 500 and "cosmic ray" in whole.json()["error"]["message"]
    assert engine.draw().status_code == 200


def test_whoever_waits_at_the_end_is_told_and_the_running_one_finishes(gate: Gate, engine: Running) -> None:
    replies: list[httpx.Response] = []
    callers = []
    for _ in range(2):
        callers.append(threading.Thread(target=lambda: replies.append(engine.draw())))
        callers[-1].start()
        engine.worker.next_job()
        if len(callers) == 1:
            gate.wait_for_arrival()
    engine.worker.drain()
    callers[1].join()
    assert replies[0].status_code == 503 and replies[0].json()["error"]["code"] == "stopping"
    assert engine.draw().status_code == 503
    gate.open()
    callers[0].join()
    assert replies[1].status_code == 200
