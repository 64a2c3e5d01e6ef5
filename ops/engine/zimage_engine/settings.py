"""The command line, and nothing else: every setting is here once."""

import argparse
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

DEFAULT_MODEL = "Tongyi-MAI/Z-Image-Turbo"
SIDE_MIN, SIDE_MAX, SIDE_STEP = 256, 1536, 16
"""Sides of a picture in pixels. The transformer sees squares of 16 pixels; 1536 is what the service sells."""

ATTENTION = {
    "auto": None,
    "sdpa": "native",
    "cudnn": "_native_cudnn",
    "flash": "_native_flash",
    "efficient": "_native_efficient",
    "flash3": "_flash_3",
}
"""Our names of diffusers' attention backends. None needs a download: `flash3` needs the flash-attn package."""

COMPILE = ("off", "blocks", "graphs")
OFFLOAD = ("none", "model", "sequential")
QUANTIZE = ("none", "fp8", "int8", "bnb-int8", "bnb-nf4")
KEY_VARIABLE = "ENGINE_KEY"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How one server runs."""

    model: str = DEFAULT_MODEL
    weights: str = "model"
    """`model`, `tiny` (random, small enough for any CPU) or `random-full` (random, of full size)."""
    name: str = "z-image-turbo"
    host: str = "127.0.0.1"
    port: int = 8500
    key: str | None = None
    device: str = "auto"
    offload: str = "none"
    attention: str = "auto"
    compile: str = "off"
    quantize: str = "none"
    warmup: tuple[tuple[int, int], ...] = ()
    queue: int = 8
    batch: int = 4
    text_cache_mib: int = 64
    moderation: Path | None = None
    moderation_labels: tuple[str, ...] = ("nsfw", "porn", "hentai", "sexy")


def parse_size(text: str) -> tuple[int, int]:
    """`1024x768` as width and height. Raises ValueError in words that a person can use."""
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() and len(part) <= 5 for part in parts):
        raise ValueError(f"'{text[:40]}' is no size: write WIDTHxHEIGHT, such as 1024x768")
    width, height = int(parts[0]), int(parts[1])
    for side in (width, height):
        if not SIDE_MIN <= side <= SIDE_MAX or side % SIDE_STEP:
            raise ValueError(
                f"{side} is no side of a picture: give {SIDE_MIN} to {SIDE_MAX} pixels, a multiple of {SIDE_STEP}"
            )
    return width, height


def parse_sizes(text: str) -> tuple[tuple[int, int], ...]:
    """Sizes between commas, for an option of a command line."""
    try:
        return tuple(parse_size(part) for part in text.split(",") if part)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def positive(text: str) -> int:
    """A number above zero, for an option of a command line."""
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"'{text}' is no number from 1 to 65535")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ops/engine/run", description="Serves Z-Image-Turbo over the OpenAI Images API."
    )
    add = parser.add_argument
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--model", default=DEFAULT_MODEL, help="a Hugging Face id, or a folder with the weights")
    source.add_argument(
        "--tiny",
        dest="weights",
        action="store_const",
        const="tiny",
        default="model",
        help="random tiny weights: real code, noise as pictures, runs on any CPU and downloads no model",
    )
    source.add_argument(
        "--random-full",
        dest="weights",
        action="store_const",
        const="random-full",
        help="random weights of full size, made on the device: for timing without a download",
    )
    add("--name", default="z-image-turbo", help="the model's name in requests and in /v1/models")
    add("--host", default="127.0.0.1", help="the address to listen on (default: this machine alone)")
    add("--port", type=positive, default=8500, help="the port to listen on: %(default)s")
    add("--key-file", type=Path, help=f"a file with the key that callers must send; or set {KEY_VARIABLE}")
    add("--device", default="auto", help="auto, cpu, cuda or cuda:1")
    add(
        "--offload",
        choices=OFFLOAD,
        default="none",
        help="keep what is not in use in main memory: model for GPUs of 16 GB, sequential for 8 GB (slow)",
    )
    add("--attention", choices=tuple(ATTENTION), default="auto")
    add(
        "--compile",
        choices=COMPILE,
        default="off",
        help="blocks: torch.compile each transformer block; graphs: with CUDA graphs, for small pictures",
    )
    add("--quantize", choices=QUANTIZE, default="none", help="fp8 and int8 need torchao, bnb-* need bitsandbytes")
    add("--warmup", type=parse_sizes, default=(), metavar="SIZES", help="draw these before serving: 1024x1024,512x512")
    add("--queue", type=positive, default=8, help="jobs that may wait, %(default)s; more are refused with 429")
    add(
        "--batch",
        type=positive,
        default=4,
        help="jobs of one size drawn together where it pays, at 512x512 and below: up to %(default)s",
    )
    add("--text-cache-mib", type=int, default=64, help="memory for the texts of prompts that come again")
    add("--moderation", type=Path, metavar="FOLDER", help="an image classifier for POST /v1/moderations")
    add(
        "--moderation-labels",
        type=lambda text: tuple(text.lower().split(",")),
        default=Settings.moderation_labels,
        help="those of its labels that mean sexual content",
    )
    return parser


def _key(parser: argparse.ArgumentParser, file: Path | None) -> str | None:
    key = os.environ.get(KEY_VARIABLE, "")
    if file is not None:
        try:
            key = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            parser.error(f"the key file cannot be read: {error}")
    key = key.strip()
    if file is not None and not key:
        parser.error(f"the key file {file} is empty")
    return key or None


def parse(arguments: Sequence[str] | None = None) -> Settings:
    """Reads the command line; what is wrong with it ends the program with a sentence."""
    parser = _parser()
    given = vars(parser.parse_args(arguments))
    given["key"] = _key(parser, given.pop("key_file"))
    settings = Settings(**given)
    check_combinations(parser.error, settings)
    return settings


def check_combinations(fail: Callable[[str], NoReturn], settings: Settings) -> None:
    """Fails, in a sentence, on settings that do not go together."""
    if settings.quantize.startswith("bnb") and settings.weights != "model":
        fail("--quantize bnb-* works on weights while they are loaded: it needs --model, not random weights")
    if settings.offload != "none" and (settings.compile != "off" or settings.quantize in ("fp8", "int8")):
        fail("--offload moves weights about: it goes neither with --compile nor with --quantize fp8 or int8")
    if settings.moderation is not None and not settings.moderation.is_dir():
        fail(f"--moderation: there is no folder {settings.moderation}")
