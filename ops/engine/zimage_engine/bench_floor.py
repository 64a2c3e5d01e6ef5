"""What work took, and the least that its arithmetic takes."""

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from .pipelines import Pipelines

TEXT_TOKENS, TEXT_PADDED = 64, 512
PEAKS = {"H100": 790, "H200": 790, "A100": 290, "4090": 165, "L40S": 360, "B200": 2000}
"""Dense bf16 in TFLOP/s: what large products of random numbers reach (H100, H200), else what the maker rates."""


@dataclass(frozen=True)
class Times:
    """The seconds of repeated runs, one at least."""

    each: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.each)

    @property
    def p95(self) -> float:
        """At least 95 of 100 runs took no longer: one that was measured, not one between two."""
        return sorted(self.each)[math.ceil(0.95 * len(self.each)) - 1]


class Clock:
    """Times repeated runs; a GPU is waited for."""

    def __init__(self, device: torch.device, repeats: int, warmups: int) -> None:
        self._device = device
        self.repeats = repeats
        self.warmups = warmups

    def _wait(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)

    def forget_peak(self) -> None:
        """Counts the most memory in use from here on."""
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)

    def times(self, work: Callable[[], object]) -> Times:
        """Runs the work `warmups` times unmeasured, then `repeats` times."""
        times = []
        self.forget_peak()
        for turn in range(self.warmups + self.repeats):
            self._wait()
            began = time.perf_counter()
            work()
            self._wait()
            if turn >= self.warmups:
                times.append(time.perf_counter() - began)
        return Times(tuple(times))


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


@dataclass(frozen=True)
class Peak:
    """The bf16 speed of a device, in floating-point operations a second."""

    flops: float
    is_known: bool
    """From the list above; else it was measured here, by something small, and serves only to compare rows."""


def peak_of(device: torch.device) -> Peak:
    """The device's speed as known; measured by one large product where it is not."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    for known, tera in PEAKS.items():
        if known in name:
            return Peak(tera * 1e12, is_known=True)
    side, kind = (8192, torch.bfloat16) if device.type == "cuda" else (512, torch.float32)
    # Random, not zeros: a GPU multiplies zeros faster.
    left, right = (torch.randn(side, side, device=device, dtype=kind) for _ in range(2))
    seconds = Clock(device, 10, 3).times(lambda: left @ right).median
    return Peak(2 * side**3 / seconds, is_known=False)
