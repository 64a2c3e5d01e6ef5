"""Draws: three pipelines of diffusers over one set of weights. Everything here runs on the engine's own thread."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from diffusers import ZImageImg2ImgPipeline, ZImageInpaintPipeline
from PIL import Image

from .settings import Settings
from .text_cache import TextCache
from .weights import device_of, load

log = logging.getLogger("engine")

BATCH_PIXELS_MAX = 512 * 512
"""A larger picture fills a GPU by itself: two together take as long as one after the other, and the first waits."""

WARM_UP_PROMPTS = ("warm-up", "warm-up " * 60)
"""A short text and a long one: a compiler that has met two lengths makes code for all of them."""

CAPTION_STEP = 32
"""The transformer pads captions to a multiple of this. Those of one padded length need no mask, which is faster."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PictureRequest:
    """One picture to draw; everything is checked already."""

    prompt: str
    width: int
    height: int
    seed: int
    steps: int = 8
    strength: float | None = None
    """How much of `image` is redrawn, above 0 and up to 1; only with an image."""
    image: Image.Image | None = None
    mask: Image.Image | None = None
    """Grey, of the picture's size: white is repainted, black is kept."""


class BatchKey(NamedTuple):
    """Requests with the same key may be drawn together."""

    width: int
    height: int
    steps: int
    caption: int


class Cancelled(Exception):
    """Nobody waits for the picture any more."""


OnStep = Callable[[int, int], None]
"""Told after each step: how many are done, and of how many. May raise ``Cancelled``, which ends the drawing there."""


class Pipelines:
    """Text to picture, picture to picture, and inpainting."""

    def __init__(self, settings: Settings) -> None:
        """Loads the weights: minutes for real ones, and a download the first time."""
        self.device = device_of(settings)
        self._generate = load(settings, self.device)
        self.parts: dict[str, Any] = self._generate.components
        """Transformer, vae, text_encoder, tokenizer and scheduler."""
        self._edit = ZImageImg2ImgPipeline(**self.parts)
        self._inpaint = ZImageInpaintPipeline(**self.parts)
        for pipeline in (self._edit, self._inpaint):
            pipeline.set_progress_bar_config(disable=True)
        self.texts = TextCache(settings.text_cache_mib * 2**20, self.encode)
        self.forwards = 0
        """How often the transformer ran, whole batches counted once: what a picture costs, and what a cancel saves."""
        self.transformer.register_forward_pre_hook(self._count)

    @property
    def transformer(self) -> torch.nn.Module:
        return self.parts["transformer"]

    def _count(self, *_: Any) -> None:
        self.forwards += 1

    @torch.no_grad()
    def encode(self, prompt: str) -> torch.Tensor:
        """What the text encoder makes of a prompt: tokens x features."""
        # The pipeline writes into the list that it is given.
        texts, _ = self._generate.encode_prompt(prompt, do_classifier_free_guidance=False)
        return texts[0]

    def batch_key(self, request: PictureRequest) -> BatchKey | None:
        """With which others a request may be drawn; None: alone."""
        if request.image is not None or request.width * request.height > BATCH_PIXELS_MAX:
            return None
        length = len(self.texts[request.prompt])
        return BatchKey(request.width, request.height, request.steps, -(-length // CAPTION_STEP))

    def draw(self, requests: Sequence[PictureRequest], on_step: OnStep) -> list[np.ndarray]:
        """The pictures as arrays of height x width x 3 bytes. Several requests must share a batch key."""
        images = self.run(requests, on_step, output="pt")
        rows = (images * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
        return list(rows)

    def run(self, requests: Sequence[PictureRequest], on_step: OnStep, *, output: str) -> torch.Tensor:
        """What the pipelines return: `pt`, pictures from 0 to 1, or `latent`."""
        first = requests[0]
        # Noise is drawn on the CPU, one generator a picture: the same on every device and at every place in a batch.
        generators = [torch.Generator("cpu").manual_seed(request.seed) for request in requests]
        options: dict[str, Any] = {
            "prompt_embeds": [self.texts[request.prompt] for request in requests],
            "num_inference_steps": first.steps,
            # The model was distilled to be run without guidance; above 0 every step would take twice as long.
            "guidance_scale": 0.0,
            "generator": generators[0] if len(requests) == 1 else generators,
            "output_type": output,
            "callback_on_step_end": self._callback(on_step),
        }
        options |= {"height": first.height, "width": first.width}
        if first.image is not None:
            options |= {"image": first.image, "strength": first.strength}
        if first.mask is not None:
            options["mask_image"] = first.mask
        try:
            return self._pipeline(first)(**options).images
        finally:
            # With --offload, a cancel leaves the transformer where the text encoder needs the room.
            self._generate.maybe_free_model_hooks()

    def _pipeline(self, request: PictureRequest) -> Any:
        if request.image is None:
            return self._generate
        return self._edit if request.mask is None else self._inpaint

    def _callback(self, on_step: OnStep) -> Callable[..., dict[str, Any]]:
        before: torch.cuda.Event | None = None

        def step_ended(pipeline: Any, index: int, timestep: Any, values: dict[str, Any]) -> dict[str, Any]:
            # Python only queues work for a GPU. Left alone it would be steps ahead: progress would be told too early,
            # and a cancel would find everything queued. One step ahead is enough to keep the GPU busy.
            nonlocal before
            if self.device.type == "cuda":
                if before is not None:
                    before.synchronize()
                before = torch.cuda.Event()
                before.record()
            on_step(index + 1, pipeline.num_timesteps)
            return values

        return step_ended

    def warm_up(self, sizes: Sequence[tuple[int, int]], batch_max: int) -> None:
        """Draws each size once, and in each size of batch that may come, so that no customer waits for a compiler."""
        for width, height in sizes:
            count = 1
            while count == 1 or (count <= batch_max and width * height <= BATCH_PIXELS_MAX):
                log.info("warming up %dx%d, %d at once", width, height, count)
                for prompt in WARM_UP_PROMPTS:
                    request = PictureRequest(prompt=prompt, width=width, height=height, seed=0)
                    self.draw([request] * count, lambda *_: None)
                count *= 2

    def free_memory(self) -> None:
        """After a picture that did not fit."""
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def peak_bytes(self) -> int:
        """The most memory of the GPU that was in use; 0 on a CPU."""
        return torch.cuda.max_memory_allocated(self.device) if self.device.type == "cuda" else 0
