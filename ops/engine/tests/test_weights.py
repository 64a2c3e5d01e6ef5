"""Weights from a folder, and those that are made."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import half_mask, picture

from zimage_engine.pipelines import PictureRequest, Pipelines
from zimage_engine.random_weights import FULL, byte_tokenizer
from zimage_engine.settings import Settings
from zimage_engine.text_cache import TextCache

FOX = PictureRequest(prompt="a fox", width=256, height=256, seed=7)


@pytest.fixture(scope="module")
def folder(pipelines: Pipelines, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    pipelines._generate.save_pretrained(folder)
    return folder


def test_a_model_in_a_folder_is_loaded(pipelines: Pipelines, folder: Path) -> None:
    """As the real one is: all parts from files, in bfloat16, which rounds more than the tiny model's own float32."""
    loaded = Pipelines(Settings(model=str(folder), device="cpu"))
    edit = replace(FOX, image=picture(), strength=0.6)
    assert {loaded.parts[part].dtype for part in ("transformer", "vae", "text_encoder")} == {torch.bfloat16}
    for request in (FOX, edit, replace(edit, mask=half_mask())):
        made, same = (each.draw([request], lambda *_: None)[0].astype(int) for each in (loaded, pipelines))
        assert np.abs(made - same).mean() < 4
    assert loaded.forwards == 8 + 5 + 5


@pytest.mark.parametrize("options", [{"attention": "sdpa"}, {"text_cache_mib": 0}])
def test_what_is_faster_draws_the_same(pipelines: Pipelines, options: dict) -> None:
    other = Pipelines(Settings(weights="tiny", device="cpu", **options))
    made, same = (each.draw([FOX], lambda *_: None)[0].astype(int) for each in (other, pipelines))
    assert np.abs(made - same).max() <= 1


def test_every_start_makes_the_same_tiny_weights(pipelines: Pipelines) -> None:
    other = Pipelines(Settings(weights="tiny", device="cpu"))
    assert (other.draw([FOX], lambda *_: None)[0] == pipelines.draw([FOX], lambda *_: None)[0]).all()


def test_full_sized_weights_are_those_of_the_real_model() -> None:
    """6.15 thousand million parameters, and 4.02 of the text encoder, counted without making one."""
    from diffusers import ZImageTransformer2DModel
    from transformers import Qwen3Config, Qwen3Model

    with torch.device("meta"):
        transformer = ZImageTransformer2DModel(**FULL["transformer"])
        text_encoder = Qwen3Model(Qwen3Config(**FULL["text"]))
    assert sum(weight.numel() for weight in transformer.parameters()) == pytest.approx(6.1549e9, rel=1e-3)
    assert sum(weight.numel() for weight in text_encoder.parameters()) == pytest.approx(4.02e9, rel=2e-3)


def test_the_tokenizer_of_bytes_knows_every_text() -> None:
    tokenizer = byte_tokenizer()
    text = "a red fox, 赤い狐, 🦊\n"
    assert len(tokenizer) == 259
    assert tokenizer.decode(tokenizer(text).input_ids) == text


def test_the_text_cache_is_bounded_and_forgets_the_oldest() -> None:
    encoded: list[str] = []

    def encode(prompt: str) -> torch.Tensor:
        encoded.append(prompt)
        return torch.zeros(len(prompt), dtype=torch.uint8)

    cache = TextCache(8, encode)
    for prompt in ("aaaa", "bbbb", "aaaa", "cccc", "aaaa", "bbbb", "too long for it", "too long for it"):
        assert len(cache[prompt]) == len(prompt)
        assert cache.bytes <= 8
    assert encoded == ["aaaa", "bbbb", "cccc", "bbbb", "too long for it", "too long for it"]
    assert (cache.hits, cache.misses) == (2, 6)
