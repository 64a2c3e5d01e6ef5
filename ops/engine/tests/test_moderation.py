"""The route that judges pictures, with a tiny classifier of random weights: the plumbing, not the judgement."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Running, picture, png, running
from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessor

from zimage_engine.moderation import Moderator
from zimage_engine.pipelines import Pipelines
from zimage_engine.settings import Settings
from zimage_engine.weights import SetupError

LABELS = Settings.moderation_labels


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vit")
    config = ViTConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8, image_size=32, patch_size=16,
        id2label={0: "normal", 1: "NSFW"}, label2id={"normal": 0, "NSFW": 1},
    )  # fmt: skip
    ViTForImageClassification(config).save_pretrained(folder)
    ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


@pytest.fixture
def judging(pipelines: Pipelines, folder: Path) -> Iterator[Running]:
    with running(lambda: pipelines, moderator=Moderator(folder, LABELS)) as site:
        yield site


def part(data: bytes, kind: str = "image/png") -> dict:
    return {"type": "image_url", "image_url": {"url": f"data:{kind};base64,{base64.b64encode(data).decode()}"}}


def test_a_picture_is_judged_as_the_service_asks(judging: Running) -> None:
    body = {"model": "omni-moderation-latest", "input": [part(png(picture(64, 64)))]}
    reply = judging.client.post("/v1/moderations", json=body)
    assert reply.status_code == 200, reply.text
    (result,) = reply.json()["results"]
    score = result["category_scores"]["sexual"]
    assert 0 < score < 1
    assert result["flagged"] == result["categories"]["sexual"] == (score >= 0.5)
    assert result["category_applied_input_types"] == {"sexual": ["image"]}


def test_texts_are_not_judged(judging: Running) -> None:
    for given in ("a fox", [{"type": "text", "text": "a fox"}]):
        (result,) = judging.client.post("/v1/moderations", json={"input": given}).json()["results"]
        assert not result["flagged"] and result["category_applied_input_types"] == {"sexual": []}
    two = judging.client.post("/v1/moderations", json={"input": ["a", "b"]}).json()["results"]
    assert len(two) == 2


@pytest.mark.parametrize(
    "given",
    [None, [], 7, [7], [{"type": "image_url"}], [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}],
     [part(b"hello")], [{"type": "image_url", "image_url": {"url": "data:image/png;base64,!!!!"}}], ["a"] * 9],
)  # fmt: skip
def test_what_cannot_be_judged_is_refused(judging: Running, given: object) -> None:
    reply = judging.client.post("/v1/moderations", json={"input": given})
    assert reply.status_code == 400 and reply.json()["error"]["param"] == "input"


def test_a_classifier_that_knows_no_such_label_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="but normal, nsfw"):
        Moderator(folder, ("cats",))
    with pytest.raises(SetupError, match="holds no image classifier"):
        Moderator(tmp_path, LABELS)
