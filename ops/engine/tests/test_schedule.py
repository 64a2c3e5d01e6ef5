"""How often the network runs, and with which noise: the eight steps that the model was distilled for."""

import pytest
import torch
from conftest import half_mask, picture

from zimage_engine.pipelines import Cancelled, PictureRequest, Pipelines

SIGMAS = [1, 0.9545, 0.9, 0.8333, 0.75, 0.6429, 0.5, 0.3]


def request(**more: object) -> PictureRequest:
    return PictureRequest(**({"prompt": "a fox", "width": 256, "height": 256, "seed": 7} | more))


def forwards(pipelines: Pipelines, wanted: PictureRequest) -> tuple[int, list[tuple[int, int]]]:
    """How often a hook of the test's own saw the transformer run, and the steps that were told."""
    seen: list[tuple[int, int]] = []
    runs: list[int] = []
    hook = pipelines.transformer.register_forward_hook(lambda *_: runs.append(1))
    try:
        pipelines.draw([wanted], lambda step, steps: seen.append((step, steps)))
    finally:
        hook.remove()
    return len(runs), seen


def test_text_to_picture_runs_the_network_eight_times(pipelines: Pipelines) -> None:
    assert forwards(pipelines, request()) == (8, [(step, 8) for step in range(1, 9)])


@pytest.mark.parametrize(
    ("strength", "expected"), [(0.05, 1), (0.125, 1), (0.3, 3), (0.5, 4), (0.6, 5), (0.8, 7), (1.0, 8)]
)
@pytest.mark.parametrize("mask", [None, half_mask()], ids=["edit", "inpaint"])
def test_strength_is_the_share_of_the_eight(pipelines: Pipelines, strength: float, expected: int, mask: object) -> None:
    runs, seen = forwards(pipelines, request(image=picture(), mask=mask, strength=strength))
    assert runs == expected
    assert seen == [(step, expected) for step in range(1, expected + 1)]


def test_the_noise_of_each_step_is_that_of_the_distillation(pipelines: Pipelines) -> None:
    seen: list[float] = []
    hook = pipelines.transformer.register_forward_pre_hook(lambda _, given: seen.append(1 - given[1].item()))
    try:
        pipelines.draw([request()], lambda *_: None)
    finally:
        hook.remove()
    assert seen == pytest.approx(SIGMAS, abs=1e-4)
    assert pipelines.parts["scheduler"].sigmas.tolist() == pytest.approx([*SIGMAS, 0], abs=1e-4)


def test_guidance_is_off(pipelines: Pipelines) -> None:
    """With guidance each step would draw two pictures."""
    sizes: list[int] = []
    hook = pipelines.transformer.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    try:
        pipelines.draw([request()], lambda *_: None)
    finally:
        hook.remove()
    assert sizes == [1] * 8


def test_a_cancel_ends_the_loop_there(pipelines: Pipelines) -> None:
    decoded: list[int] = []
    hook = pipelines.parts["vae"].decoder.register_forward_hook(lambda *_: decoded.append(1))
    before = pipelines.forwards

    def on_step(step: int, _: int) -> None:
        if step == 2:
            raise Cancelled

    try:
        with pytest.raises(Cancelled):
            pipelines.draw([request()], on_step)
        assert pipelines.forwards - before == 2
        assert decoded == []
        pipelines.draw([request()], lambda *_: None)
        assert pipelines.forwards - before == 10
    finally:
        hook.remove()


def test_the_three_pipelines_share_their_weights(pipelines: Pipelines) -> None:
    for part in ("transformer", "vae", "text_encoder"):
        weights = {id(getattr(made, part)) for made in (pipelines._generate, pipelines._edit, pipelines._inpaint)}
        assert len(weights) == 1


def test_the_same_seed_is_the_same_picture(pipelines: Pipelines) -> None:
    first, again, other = (pipelines.draw([request(seed=seed)], lambda *_: None)[0] for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_seeds_do_not_depend_on_what_was_drawn_before(pipelines: Pipelines) -> None:
    first = pipelines.draw([request()], lambda *_: None)[0]
    torch.manual_seed(99)
    assert (pipelines.draw([request()], lambda *_: None)[0] == first).all()
