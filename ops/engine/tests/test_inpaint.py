"""What a mask keeps and what it repaints."""

import base64
import io

import numpy as np
import torch
from conftest import Running, half_mask, picture, png
from PIL import Image

from zimage_engine.pipelines import PictureRequest, Pipelines


def input_latents(pipelines: Pipelines, image: Image.Image, seed: int) -> torch.Tensor:
    """The image as the pipeline itself encodes it."""
    vae = pipelines._inpaint.vae
    pixels = pipelines._inpaint.image_processor.preprocess(image)
    with torch.no_grad():
        drawn = vae.encode(pixels).latent_dist.sample(torch.Generator("cpu").manual_seed(seed))
    return (drawn - vae.config.shift_factor) * vae.config.scaling_factor


def inpainted(pipelines: Pipelines, mask: Image.Image, strength: float = 1.0) -> torch.Tensor:
    request = PictureRequest(
        prompt="a fox", width=256, height=256, seed=7, strength=strength, image=picture(), mask=mask
    )
    return pipelines.run([request], lambda *_: None, output="latent")


def test_latents_are_the_inputs_where_the_mask_is_black(pipelines: Pipelines) -> None:
    made = inpainted(pipelines, half_mask())
    kept = input_latents(pipelines, picture(), 7)
    torch.testing.assert_close(made[..., 16:], kept[..., 16:], atol=1e-5, rtol=0)
    assert (made[..., :16] - kept[..., :16]).abs().mean() > 0.05


def test_a_black_mask_keeps_everything(pipelines: Pipelines, engine: Running) -> None:
    black = Image.new("L", (256, 256), 0)
    made = inpainted(pipelines, black, strength=0.6)
    torch.testing.assert_close(made, input_latents(pipelines, picture(), 7), atol=1e-5, rtol=0)
    # In the file it is the input itself: what the autoencoder loses is not lost there.
    assert (drawn(engine, black) == np.array(picture())).all()


def drawn(engine: Running, mask: Image.Image) -> np.ndarray:
    reply = engine.edit({"image": png(picture()), "mask": png(mask)}, strength=1.0)
    assert reply.status_code == 200, reply.text
    return np.array(Image.open(io.BytesIO(base64.b64decode(reply.json()["data"][0]["b64_json"]))))


def test_kept_pixels_are_the_inputs_and_the_others_are_new(engine: Running) -> None:
    made, given = drawn(engine, half_mask()), np.array(picture())
    assert (made[:, 128:] == given[:, 128:]).all()
    assert (made[:, :128] == given[:, :128]).mean() < 0.05


def test_a_mask_that_says_it_twice_means_the_same(engine: Running) -> None:
    """White on black and, for others, transparent where it is white: the service sends such masks."""
    grey = half_mask()
    both = Image.merge("RGBA", (grey, grey, grey, grey.point(lambda value: 255 - value)))
    assert (drawn(engine, both) == drawn(engine, grey)).all()


def test_greys_are_taken_for_the_nearer(engine: Running) -> None:
    grey = half_mask()
    blurred = grey.point(lambda value: 128 if value else 127)
    assert (drawn(engine, blurred) == drawn(engine, grey)).all()
