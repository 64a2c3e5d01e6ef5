"""Jobs that are drawn together."""

import threading

import httpx
import pytest
import torch
from conftest import Gate, Running, running
from test_stream import events

from zimage_engine.pipelines import PictureRequest, Pipelines
from zimage_engine.worker import Worker, _power_of_two


def request(prompt: str, seed: int) -> PictureRequest:
    return PictureRequest(prompt=prompt, width=256, height=256, seed=seed)


def latents(pipelines: Pipelines, requests: list[PictureRequest]) -> torch.Tensor:
    return pipelines.run(requests, lambda *_: None, output="latent")


def test_a_picture_does_not_depend_on_its_place_in_a_batch(pipelines: Pipelines) -> None:
    """Not to the last bit: a product of larger matrices adds up in another order. What is left is rounding."""
    requests = [request(f"fox {number}", seed) for number, seed in enumerate((5, 6, 7, 8))]
    alone = torch.cat([latents(pipelines, [each]) for each in requests])
    together = latents(pipelines, requests)
    backwards = latents(pipelines, requests[::-1]).flip(0)
    for made in (together, backwards):
        torch.testing.assert_close(made, alone, atol=1e-4, rtol=0)
    # The others are far away, so the tolerance is no excuse.
    assert (alone[0] - alone[1]).abs().max() > 1


def test_only_jobs_of_one_size_steps_and_caption_fit(pipelines: Pipelines) -> None:
    key = pipelines.batch_key(request("a fox", 1))
    assert key is not None
    assert pipelines.batch_key(request("a dog", 2)) == key
    assert pipelines.batch_key(request("a fox " * 30, 1)) != key
    assert pipelines.batch_key(PictureRequest(prompt="a fox", width=512, height=256, seed=1)) != key
    assert pipelines.batch_key(PictureRequest(prompt="a fox", width=256, height=256, seed=1, steps=4)) != key
    assert pipelines.batch_key(PictureRequest(prompt="a fox", width=1024, height=1024, seed=1)) is None


@pytest.mark.parametrize(
    ("count", "most", "expected"), [(1, 4, 1), (2, 4, 2), (3, 4, 2), (5, 4, 4), (9, 8, 8), (7, 1, 1)]
)
def test_batches_are_powers_of_two(count: int, most: int, expected: int) -> None:
    assert _power_of_two(count, most) == expected


def test_a_warm_up_meets_each_batch_with_texts_of_two_lengths(pipelines: Pipelines) -> None:
    """A compiler makes code for the first length alone, and for all lengths at the second one."""
    seen = set()

    def note(_: torch.nn.Module, arguments: tuple, named: dict) -> None:
        texts = named.get("cap_feats", arguments[2] if len(arguments) > 2 else None)
        seen.add((len(texts), len(texts[0])))

    hook = pipelines.transformer.register_forward_pre_hook(note, with_kwargs=True)
    before = pipelines.forwards
    try:
        pipelines.warm_up([(256, 256)], 2)
    finally:
        hook.remove()
    assert pipelines.forwards - before == 4 * 8
    assert {count for count, _ in seen} == {1, 2} and len({length for _, length in seen}) == 2


class Callers:
    """Streams that are read on threads of their own."""

    def __init__(self, engine: Running) -> None:
        self.engine = engine
        self.replies: dict[str, list[dict]] = {}
        self.threads: list[threading.Thread] = []

    def send(self, prompt: str) -> None:
        """Returns when the job is in the queue."""

        def read() -> None:
            with httpx.stream(
                "POST",
                f"{self.engine.client.base_url}/v1/images/generations",
                json={"prompt": prompt, "size": "256x256", "seed": len(prompt), "stream": True},
                timeout=60,
            ) as reply:
                self.replies[prompt] = list(events(reply))

        self.threads.append(threading.Thread(target=read))
        self.threads[-1].start()
        self.engine.worker.next_job()

    def wait(self) -> None:
        for thread in self.threads:
            thread.join()


def test_waiting_jobs_are_drawn_together(pipelines: Pipelines, gate: Gate, engine: Running) -> None:
    before = pipelines.forwards
    callers = Callers(engine)
    callers.send("first")
    gate.wait_for_arrival()
    for prompt in ("ab", "abc", "abcd", "abcde", "abcdef"):
        callers.send(prompt)
    gate.open()
    callers.wait()
    # The first alone, four together, the last alone.
    assert pipelines.forwards - before == 24
    assert engine.count("engine_forwards_total") == 24
    assert engine.count("engine_batch_size_bucket", le="1.0") == 2
    assert engine.count("engine_batch_size_bucket", le="4.0") == 3
    for prompt, seen in callers.replies.items():
        assert [event.get("step") for event in seen] == [1, 2, 3, 4, 5, 6, 7, 8, None], prompt
    pictures = {seen[-1]["b64_json"] for seen in callers.replies.values()}
    assert len(pictures) == 6


def test_one_leaves_a_batch_and_the_others_go_on(pipelines: Pipelines, gate: Gate, engine: Running) -> None:
    callers = Callers(engine)
    callers.send("first")
    gate.wait_for_arrival()
    callers.send("stays")
    with httpx.stream(
        "POST",
        f"{engine.client.base_url}/v1/images/generations",
        json={"prompt": "goes!", "size": "256x256", "stream": True},
        timeout=60,
    ) as reply:
        leaving = engine.worker.next_job()
        gate.permit(9)
        assert next(events(reply))["step"] == 1
    assert leaving.cancelled.wait(60)
    gate.open()
    callers.wait()
    assert callers.replies["stays"][-1]["type"] == "image_generation.completed"
    assert engine.count("engine_jobs_total", outcome="completed") == 2
    assert engine.count("engine_jobs_total", outcome="cancelled") == 1


def test_what_does_not_fit_together_is_drawn_one_by_one(pipelines: Pipelines, gate: Gate) -> None:
    class Small:
        """A GPU with room for one picture."""

        def __getattr__(self, name: str) -> object:
            return getattr(pipelines, name)

        def draw(self, requests: list[PictureRequest], on_step: object) -> object:
            if len(requests) > 1 or requests[0].prompt == "huge":
                raise torch.OutOfMemoryError("too much")
            return pipelines.draw(requests, on_step)

    with running(Small) as engine:
        assert isinstance(engine.worker, Worker)
        callers = Callers(engine)
        for prompt in ("first", "ab", "abc"):
            callers.send(prompt)
        gate.open()
        callers.wait()
        assert [seen[-1]["type"] for seen in callers.replies.values()] == ["image_generation.completed"] * 3
        assert engine.count("engine_batch_size_bucket", le="1.0") == 3
        huge = engine.draw(prompt="huge")
        assert huge.status_code == 500 and huge.json()["error"]["code"] == "out_of_memory"
        assert engine.draw().status_code == 200
