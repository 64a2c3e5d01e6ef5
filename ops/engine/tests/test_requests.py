"""What is taken and what is refused, over real HTTP."""

import base64
import io
import json
import socket
import struct
import zlib

import pytest
from conftest import TINY, Running, half_mask, picture, png, running
from PIL import Image

from zimage_engine.pipelines import Pipelines
from zimage_engine.settings import Settings


def opened(reply: object) -> Image.Image:
    assert reply.status_code == 200, reply.text
    return Image.open(io.BytesIO(base64.b64decode(reply.json()["data"][0]["b64_json"])))


@pytest.mark.parametrize("size", ["256x256", "1536x256", "256x512"])
def test_pictures_have_the_size_that_was_asked_for(engine: Running, size: str) -> None:
    made = opened(engine.draw(size=size))
    assert (f"{made.width}x{made.height}", made.format, made.mode) == (size, "PNG", "RGB")


@pytest.mark.parametrize("file_format", ["png", "jpeg", "webp"])
def test_formats(engine: Running, file_format: str) -> None:
    assert opened(engine.draw(output_format=file_format)).format == file_format.upper()


def test_the_same_request_is_the_same_file(engine: Running) -> None:
    first, again, other = engine.draw(), engine.draw(), engine.draw(seed=8)
    assert first.json()["data"] == again.json()["data"]
    assert first.json()["data"] != other.json()["data"]


def test_without_a_seed_each_picture_is_new_and_can_be_had_again(engine: Running) -> None:
    first, second = engine.draw(seed=None).json(), engine.draw(seed=None).json()
    assert first["data"] != second["data"]
    assert engine.draw(seed=first["seed"]).json()["data"] == first["data"]


def test_what_the_service_sends_is_taken(engine: Running) -> None:
    """The fields of the client's row `reference`, in its order and types."""
    fields = {
        "model": "z-image-turbo",
        "prompt": "a fox",
        "n": 1,
        "size": "256x256",
        "seed": 2147483650,
        "num_inference_steps": 8,
        "guidance_scale": 0.0,
        "response_format": "b64_json",
        "output_format": "png",
        "stream": False,
    }
    assert engine.draw(**fields).status_code == 200
    files = {"image": png(picture()), "mask": png(half_mask())}
    texts = fields | {"guidance_scale": "0.0", "strength": "0.125", "stream": "false"}
    assert engine.edit(files, **texts).status_code == 200


def test_an_edit_takes_the_size_of_its_picture(engine: Running) -> None:
    assert opened(engine.edit({"image[]": png(picture(512, 256))})).size == (512, 256)
    assert opened(engine.edit({"image": png(picture(300, 100))}, size="256x256")).size == (256, 256)


def test_strength_changes_the_picture(engine: Running) -> None:
    weak, strong = (engine.edit({"image": png(picture())}, strength=strength).json()["data"] for strength in (0.3, 1.0))
    assert weak != strong


BAD = [
    ("size", {"size": "250x256"}),
    ("size", {"size": "256x250"}),
    ("size", {"size": "240x256"}),
    ("size", {"size": "1552x256"}),
    ("size", {"size": "256"}),
    ("size", {"size": "0x0"}),
    ("size", {"size": "256x999999999999"}),
    ("size", {"size": "²56x256"}),
    ("size", {"size": 256}),
    ("prompt", {"prompt": None}),
    ("prompt", {"prompt": "  \n"}),
    ("prompt", {"prompt": "x" * 2001}),
    ("prompt", {"prompt": 7}),
    ("prompt", {"prompt": "half a \ud83d"}),
    ("seed", {"seed": -1}),
    ("seed", {"seed": 1.5}),
    ("seed", {"seed": True}),
    ("seed", {"seed": 2**63}),
    ("n", {"n": 2}),
    ("n", {"n": 0}),
    ("num_inference_steps", {"num_inference_steps": 0}),
    ("num_inference_steps", {"num_inference_steps": 51}),
    ("guidance_scale", {"guidance_scale": 5.0}),
    ("guidance_scale", {"guidance_scale": "much"}),
    ("response_format", {"response_format": "url"}),
    ("output_format", {"output_format": "gif"}),
    ("stream", {"stream": "yes"}),
    ("image", {"image": "https://example.com/a.png"}),
    ("mask", {"mask": "AAAA"}),
]


@pytest.mark.parametrize(("field", "fields"), BAD, ids=[f"{field}-{index}" for index, (field, _) in enumerate(BAD)])
def test_a_bad_field_is_named(engine: Running, field: str, fields: dict) -> None:
    refused(engine.client.post(
        "/v1/images/generations",
        content=json.dumps({"prompt": "a fox", "size": "256x256"} | fields),
    ), field)  # fmt: skip


def refused(reply: object, field: str | None, status: tuple[int, ...] = (400,)) -> None:
    assert reply.status_code in status, reply.text
    error = reply.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["param"] == field and error["type"] == "invalid_request_error"
    assert error["message"].startswith(f"{field}: " if field else "")


def bomb() -> bytes:
    """A PNG that promises ten thousand million pixels and holds none."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


GOOD = png(picture())
BAD_FORMS = {
    "strength 0": ("strength", {"image": GOOD}, {"strength": 0}),
    "strength 2": ("strength", {"image": GOOD}, {"strength": 2}),
    "strength nan": ("strength", {"image": GOOD}, {"strength": "nan"}),
    "strength text": ("strength", {"image": GOOD}, {"strength": "strong"}),
    "size": ("size", {"image": GOOD}, {"size": "250x256"}),
    "size of the image": ("image", {"image": png(picture(250, 256))}, {}),
    "prompt": ("prompt", {"image": GOOD}, {"prompt": "x" * 2001}),
    "no image": ("image", {"mask": png(half_mask())}, {}),
    "empty image": ("image", {"image": b""}, {}),
    "no picture": ("image", {"image": b"hello"}, {}),
    "damaged picture": ("image", {"image": GOOD[: len(GOOD) // 2]}, {}),
    "another format": ("image", {"image": b"GIF89a" + b"\0" * 100}, {}),
    "bomb": ("image", {"image": bomb()}, {}),
    "too many pixels": ("image", {"image": png(Image.new("L", (4097, 16)))}, {}),
    "16 bits": ("image", {"image": png(Image.new("I;16", (256, 256)))}, {}),
    "mask of another size": ("mask", {"image": GOOD, "mask": png(half_mask(128, 256))}, {}),
    "mask is no picture": ("mask", {"image": GOOD, "mask": b"hello"}, {}),
}


@pytest.mark.parametrize("case", BAD_FORMS)
def test_a_bad_field_of_a_form_is_named(engine: Running, case: str) -> None:
    field, files, fields = BAD_FORMS[case]
    refused(engine.edit(files, **fields), field)


@pytest.mark.parametrize(("field", "megabytes"), [("image", 21), ("image", 50), ("mask", 50)])
def test_an_upload_that_is_too_large_is_named(engine: Running, field: str, megabytes: int) -> None:
    files = {"image": GOOD} | {field: b"\0" * megabytes * 1_000_000}
    refused(engine.edit(files), field, (400, 413))


def test_bodies_that_are_none(engine: Running) -> None:
    for body in (b"", b"[]", b"{", b"\xff", b"[" * 50_000):
        refused(engine.client.post("/v1/images/generations", content=body), None)
    refused(engine.client.post("/v1/images/generations", content=b" " * 70_000), None, (413,))
    refused(engine.client.post("/v1/images/edits", json={"image": "x"}), None)
    kind = {"content-type": "multipart/form-data; boundary=x"}
    refused(engine.client.post("/v1/images/edits", content=b"nothing of that kind", headers=kind), None)
    twice = [("image", ("a.png", GOOD)), ("image[]", ("b.png", GOOD))]
    refused(engine.client.post("/v1/images/edits", data={"prompt": "x"}, files=twice), "image")


def test_nothing_is_fetched(engine: Running) -> None:
    """A URL in place of a picture is refused without a look at it."""
    with socket.create_server(("127.0.0.1", 0)) as trap:
        link = f"http://127.0.0.1:{trap.getsockname()[1]}/a.png"
        refused(engine.client.post("/v1/images/edits", data={"prompt": "x", "image": link}, files={"x": b"x"}), "image")
        trap.setblocking(False)
        with pytest.raises(BlockingIOError):
            trap.accept()


def test_what_it_has_and_what_it_has_not(engine: Running) -> None:
    listed = engine.client.get("/v1/models").json()
    assert listed["object"] == "list" and [model["id"] for model in listed["data"]] == ["z-image-turbo"]
    assert engine.draw(model=TINY.model).status_code == 200
    other = engine.draw(model="dall-e-3")
    assert other.status_code == 404 and other.json()["error"]["code"] == "model_not_found"
    assert engine.client.get("/nowhere").status_code == 404
    assert engine.client.get("/v1/images/edits").status_code == 405
    assert engine.client.post("/v1/moderations", json={}).status_code == 404


def test_metrics_count_what_was_done(engine: Running) -> None:
    engine.draw()
    engine.draw(seed=9)
    lines = engine.client.get("/metrics").text.splitlines()
    for line in (
        'engine_jobs_total{outcome="completed"} 2.0',
        "engine_forwards_total 16.0",
        "engine_jobs_waiting 0.0",
        "engine_ready 1.0",
    ):
        assert line in lines


def test_a_key_is_wanted_where_one_is_set(pipelines: Pipelines) -> None:
    with running(lambda: pipelines, Settings(weights="tiny", device="cpu", key="s3cret")) as engine:
        for given in (b"", b"Bearer wrong", b"s3cret", b"Bearer s3cre\xe9", b"Basic s3cret"):
            headers = {"authorization": given}
            for path in ("/v1/models", "/metrics"):
                reply = engine.client.get(path, headers=headers)
                assert reply.status_code == 401 and reply.json()["error"]["code"] == "invalid_api_key"
            assert engine.client.post("/v1/images/generations", json={}, headers=headers).status_code == 401
        assert engine.client.get("/health").status_code == 200
        assert engine.client.get("/v1/models", headers={"authorization": "Bearer s3cret"}).status_code == 200
