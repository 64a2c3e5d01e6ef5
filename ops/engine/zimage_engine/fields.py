"""From the fields of a request to a picture that can be drawn. Every limit is checked here, whoever asks."""

import math
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image

from .errors import EngineError, bad
from .pictures import OUTPUT_FORMATS, read_image, read_mask
from .pipelines import PictureRequest
from .settings import Settings, parse_size

PROMPT_CHARACTERS_MAX = 2000
STEPS_MAX = 50
SEED_MAX = 2**63 - 1
STRENGTH_EDIT, STRENGTH_INPAINT = 0.6, 1.0
"""diffusers' own defaults."""


@dataclass(frozen=True)
class Order:
    """What is asked for: the picture, and how it is wanted back."""

    picture: PictureRequest
    file_format: str
    stream: bool


def read_generation(fields: Mapping[str, Any], settings: Settings) -> Order:
    """A picture from text. Raises ``EngineError`` naming the field that is wrong."""
    for name in ("image", "mask", "image_url"):
        if fields.get(name) is not None:
            raise bad(name, "a picture to start from goes to /v1/images/edits, as a file")
    given = _Given(fields)
    _check_fixed(given, settings)
    width, height = _size(given.text("size") or "1024x1024")
    return _order(given, width, height)


def read_edit(fields: Mapping[str, Any], settings: Settings) -> Order:
    """A picture from a picture; decodes files, so it is slow."""
    given = _Given(fields)
    _check_fixed(given, settings)
    strength = given.number("strength")
    if strength is None:
        strength = STRENGTH_INPAINT if fields.get("mask") is not None else STRENGTH_EDIT
    if not 0 < strength <= 1:
        raise bad("strength", "give a number above 0, up to 1: with 0 nothing would be drawn")
    image = read_image("image", given.file("image", required=True))
    mask_file = given.file("mask", required=False)
    mask = None if mask_file is None else read_mask("mask", mask_file)
    if mask is not None and mask.size != image.size:
        raise bad("mask", f"it has {_text(mask)} pixels and the image {_text(image)}: give one of the same size")
    size = given.text("size")
    width, height = _size(_text(image), field="image") if size in (None, "auto") else _size(size)
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.LANCZOS)
        mask = mask and mask.resize((width, height), Image.Resampling.NEAREST)
    return _order(given, width, height, strength=strength, image=image, mask=mask)


def _text(picture: Image.Image) -> str:
    return f"{picture.width}x{picture.height}"


def _size(text: str, field: str = "size") -> tuple[int, int]:
    try:
        return parse_size("1024x1024" if text == "auto" else text)
    except ValueError as error:
        raise bad(field, str(error)) from error


def _check_fixed(given: "_Given", settings: Settings) -> None:
    """Fields that have only one good value."""
    model = given.text("model")
    if model is not None and model not in (settings.name, settings.model):
        raise EngineError(
            404, f"there is no model {model[:100]} here, only {settings.name}", param="model", code="model_not_found"
        )
    # One picture a request; who wants more sends more, and each has its own progress and can be cancelled by itself.
    given.integer("n", 1, 1, 1)
    if (given.number("guidance_scale") or 0) != 0:
        raise bad("guidance_scale", "this model is drawn without guidance: give 0, or leave it out")
    if given.text("response_format") not in (None, "b64_json"):
        raise bad("response_format", "pictures come in the answer: give b64_json, or leave it out")


def _order(given: "_Given", width: int, height: int, **more: Any) -> Order:
    prompt = (given.text("prompt") or "").strip()
    if not prompt:
        raise bad("prompt", "it is missing or empty")
    if len(prompt) > PROMPT_CHARACTERS_MAX:
        raise bad("prompt", f"it has {len(prompt)} characters, at most {PROMPT_CHARACTERS_MAX} are drawn")
    file_format = given.text("output_format") or "png"
    if file_format not in OUTPUT_FORMATS:
        raise bad("output_format", f"give one of {', '.join(OUTPUT_FORMATS)}")
    seed = given.integer("seed", None, 0, SEED_MAX)
    picture = PictureRequest(
        prompt=prompt,
        width=width,
        height=height,
        seed=secrets.randbelow(2**31) if seed is None else seed,
        steps=given.integer("num_inference_steps", 8, 1, STEPS_MAX),
        **more,
    )
    return Order(picture, file_format, given.flag("stream"))


class _Given:
    """The fields as they came: of their own types in JSON, texts in a form."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields

    def text(self, name: str) -> str | None:
        value = self._fields.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise bad(name, "it is no text")
        # JSON can name half a character, which no tokenizer takes.
        if any("\ud800" <= letter <= "\udfff" for letter in value):
            raise bad(name, "it is no valid Unicode")
        return value

    def file(self, name: str, *, required: bool) -> bytes | None:
        value = self._fields.get(name)
        if isinstance(value, bytes) and value:
            return value
        if value is None and not required:
            return None
        raise bad(name, "send the picture itself, as a file of the form: nothing is fetched from a URL")

    def number(self, name: str) -> float | None:
        value = self._fields.get(name)
        if value is None:
            return None
        try:
            if isinstance(value, bool) or not isinstance(value, int | float | str):
                raise ValueError
            number = float(value)
        except (ValueError, OverflowError) as error:
            raise bad(name, "it is no number") from error
        if not math.isfinite(number):
            raise bad(name, "it is no number")
        return number

    def integer(self, name: str, default: int | None, least: int, most: int) -> int | None:
        value = self._fields.get(name)
        if value is None:
            return default
        try:
            if isinstance(value, str) and len(value) <= 20:
                value = int(value)
            elif isinstance(value, bool) or not isinstance(value, int):
                raise ValueError
        except ValueError as error:
            raise bad(name, "it is no whole number") from error
        if not least <= value <= most:
            raise bad(
                name, f"give a whole number from {least} to {most}" if least < most else f"only {least} is possible"
            )
        return value

    def flag(self, name: str) -> bool:
        value = self._fields.get(name)
        if value is None or isinstance(value, bool):
            return bool(value)
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        raise bad(name, "give true or false")
