"""Measures each part of a picture beside the least time that its arithmetic takes, with random weights."""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from . import pictures
from .pipelines import PictureRequest, Pipelines
from .settings import ATTENTION, QUANTIZE, Settings, parse_size
from .weights import device_of

TEXT_TOKENS, TEXT_PADDED = 64, 512
PEAKS = {"H100": 790, "H200": 790, "A100": 290, "4090": 165, "L40S": 360, "B200": 2000}
"""Dense bf16 in TFLOP/s: what large products of random numbers reach (H100, H200), else what the maker rates."""
HEADING = ("part", "size", "batch", "mode", "ms", "floor ms", "x floor", "a second", "peak GiB")


@dataclass(frozen=True)
class Shape:
    """The numbers of a network that its arithmetic depends on."""

    dim: int
    hidden: int
    layers: int

    def flops(self, tokens: int) -> float:
        """A product of n x m x k counts 2nmk: the linear layers, then attention over all tokens."""
        linear = 2 * (4 * self.dim**2 + 3 * self.dim * self.hidden) * tokens
        return self.layers * (linear + 4 * tokens**2 * self.dim)


def transformer_flops(pipelines: Pipelines, width: int, height: int) -> float:
    """One forward for one picture: the main layers over picture and text, the refiners over one of them."""
    config = pipelines.transformer.config
    image = width * height // 256
    main = Shape(config.dim, int(config.dim / 3 * 8), config.n_layers)
    refiner = replace(main, layers=config.n_refiner_layers)
    return main.flops(image + TEXT_TOKENS) + refiner.flops(image) + refiner.flops(TEXT_TOKENS)


def text_flops(pipelines: Pipelines) -> float:
    """The text encoder reads the padded prompt; its heads share keys and values."""
    config = pipelines.parts["text_encoder"].config
    queries = config.num_attention_heads * config.head_dim
    shared = config.num_key_value_heads * config.head_dim
    products = config.hidden_size * (2 * queries + 2 * shared + 3 * config.intermediate_size)
    return config.num_hidden_layers * TEXT_PADDED * (2 * products + 4 * TEXT_PADDED * queries)


class Clock:
    """Medians of repeated runs; a GPU is waited for."""

    def __init__(self, device: torch.device, repeats: int, warmups: int) -> None:
        self._device = device
        self._repeats = repeats
        self._warmups = warmups

    def _wait(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)

    def seconds(self, work: Callable[[], object]) -> float:
        """The median time."""
        times = []
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
        for turn in range(self._warmups + self._repeats):
            self._wait()
            began = time.perf_counter()
            work()
            self._wait()
            if turn >= self._warmups:
                times.append(time.perf_counter() - began)
        return statistics.median(times)


class Bench:
    """One configuration of the engine."""

    def __init__(self, settings: Settings, clock: Clock, peak: float) -> None:
        self._pipelines = Pipelines(settings)
        self._clock = clock
        self._peak = peak
        self._label = settings.compile if settings.compile != "off" else "eager"
        if settings.quantize != "none":
            self._label += f" {settings.quantize}"

    def _row(self, what: str, size: str, batch: int, seconds: float, flops: float | None) -> str:
        floor = None if flops is None else batch * flops / (self._peak * 1e12)
        memory = self._pipelines.peak_bytes() / 2**30
        cells = [
            what,
            size,
            str(batch),
            self._label,
            f"{seconds * 1000:.1f}",
            "" if floor is None else f"{floor * 1000:.2f}",
            "" if floor is None else f"{seconds / floor:.1f}",
            f"{batch / seconds:.2f}",
            f"{memory:.1f}" if memory else "",
        ]
        return f"| {' | '.join(cells)} |"

    def rows(self, sizes: Sequence[tuple[int, int]], batches: Sequence[int]) -> list[str]:
        """All measurements, as rows of a table."""
        text = self._clock.seconds(lambda: self._pipelines.encode("a fox " * 10))
        found = [self._row("text encoder", "", 1, text, text_flops(self._pipelines))]
        for width, height in sizes:
            for batch in batches:
                # Larger pictures are never drawn together.
                if batch == 1 or width * height <= 512 * 512:
                    found += self._size(width, height, batch)
        return found

    def _size(self, width: int, height: int, batch: int) -> list[str]:
        pipelines, size = self._pipelines, f"{width}x{height}"
        requests = [PictureRequest(prompt="a fox", width=width, height=height, seed=seed) for seed in range(batch)]
        one = transformer_flops(pipelines, width, height)

        def forwards(steps: int) -> Callable[[], object]:
            wanted = [replace(request, steps=steps) for request in requests]
            return lambda: pipelines.run(wanted, lambda *_: None, output="latent")

        @torch.no_grad()
        def decode() -> None:
            vae = pipelines.parts["vae"]
            vae.decode(latents.to(vae.dtype) / vae.config.scaling_factor + vae.config.shift_factor)

        def whole() -> None:
            for pixels in pipelines.draw(requests, lambda *_: None):
                pictures.encode(pixels, "png")

        latents = pipelines.run(requests, lambda *_: None, output="latent")
        found = []
        for steps in (1, 8):
            seconds = self._clock.seconds(forwards(steps))
            found.append(self._row(f"{steps} forwards", size, batch, seconds, steps * one))
        found.append(self._row("decode", size, batch, self._clock.seconds(decode), None))
        found.append(self._row("picture with PNG", size, batch, self._clock.seconds(whole), 8 * one))
        return found


def peak_of(device: torch.device) -> float:
    """The device's bf16 TFLOP/s as known; measured by one large product where it is not."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    for known, peak in PEAKS.items():
        if known in name:
            return peak
    side, kind = (8192, torch.bfloat16) if device.type == "cuda" else (512, torch.float32)
    # Random, not zeros: a GPU multiplies zeros faster.
    left, right = (torch.randn(side, side, device=device, dtype=kind) for _ in range(2))
    return 2 * side**3 / Clock(device, 10, 3).seconds(lambda: left @ right) / 1e12


def measure(
    settings: Settings, clock: Clock, peak: float, sizes: Sequence[tuple[int, int]], batches: Sequence[int]
) -> None:
    """Prints the rows of one configuration, whose weights are gone afterwards."""
    print("\n".join(Bench(settings, clock, peak).rows(sizes, batches)), flush=True)


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="ops/engine/bench", description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="tiny weights: proves the program, not the speed")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--sizes", default="256x256,512x512,1024x1024,1536x1536")
    parser.add_argument("--batches", default="1,2,4,8")
    parser.add_argument("--compile", default="off,blocks,graphs", help="which of off, blocks, graphs")
    parser.add_argument("--attention", choices=tuple(ATTENTION), default="auto")
    parser.add_argument("--quantize", choices=QUANTIZE[:3], default="none")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--warmups", type=int, default=3)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table."""
    given = _arguments(arguments)
    settings = Settings(
        weights="tiny" if given.tiny else "random-full",
        device=given.device,
        attention=given.attention,
        quantize=given.quantize,
    )
    device = device_of(settings)
    peak = peak_of(device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    facts = f"{settings.weights} weights, torch {torch.__version__}, median of {given.repeats}"
    print(f"{name}, {peak:.2f} TFLOP/s, {facts}\n")
    print(f"| {' | '.join(HEADING)} |\n|{' --- |' * len(HEADING)}", flush=True)
    sizes = [parse_size(size) for size in given.sizes.split(",")]
    batches = [int(batch) for batch in given.batches.split(",")]
    for how in given.compile.split(","):
        clock = Clock(device, given.repeats, given.warmups)
        measure(replace(settings, compile=how), clock, peak, sizes, batches)
    return 0


if __name__ == "__main__":
    sys.exit(main())
