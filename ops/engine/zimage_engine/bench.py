"""Measures each part of a picture, and whole requests, beside the least time that the arithmetic takes."""

import argparse
import gc
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from . import pictures
from .bench_floor import Clock, Peak, peak_of, text_flops, transformer_flops
from .bench_http import measure_requests, prompt
from .bench_table import HEADING, Table
from .pipelines import BATCH_PIXELS_MAX, PictureRequest, Pipelines
from .settings import ATTENTION, COMPILE, OFFLOAD, QUANTIZE, Settings, check_combinations, parse_sizes, positive
from .weights import SetupError, device_of


class Parts:
    """The parts of a picture, without the server."""

    def __init__(self, pipelines: Pipelines, clock: Clock, table: Table) -> None:
        self._pipelines = pipelines
        self._clock = clock
        self._table = table

    def measure(self, sizes: Sequence[tuple[int, int]], batches: Sequence[int]) -> None:
        """Adds all rows."""
        text = text_flops(self._pipelines)
        self._add("text encoder", "", 1, lambda: self._pipelines.encode("a fox " * 10), text)
        for width, height in sizes:
            for batch in batches:
                # Larger pictures are never drawn together.
                if batch == 1 or width * height <= BATCH_PIXELS_MAX:
                    self._measure_size(width, height, batch)

    def _add(self, part: str, size: str, batch: int, work: Callable[[], object], flops: float | None) -> None:
        times = self._clock.times(work)
        self._table.add(part, size, batch, times, flops=flops, peak_bytes=self._pipelines.peak_bytes())

    def _measure_size(self, width: int, height: int, batch: int) -> None:
        pipelines, size = self._pipelines, f"{width}x{height}"
        requests = [PictureRequest(prompt=prompt(0), width=width, height=height, seed=seed) for seed in range(batch)]
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
        for steps in (1, 8):
            self._add(f"{steps} forwards", size, batch, forwards(steps), steps * one)
        self._add("decode", size, batch, decode, None)
        self._add("picture with PNG", size, batch, whole, 8 * one)


def measure(
    settings: Settings, clock: Clock, peak: Peak, sizes: Sequence[tuple[int, int]], batches: Sequence[int]
) -> list[str]:
    """Prints the rows of one configuration, and returns its verdicts.

    Raises ``SetupError`` or ``RuntimeError`` when it does not run here.
    """
    table = Table(settings, peak)

    # On the engine's own thread, as every picture of the server: what is compiled for one thread is not for another.
    def open_pipelines() -> Pipelines:
        made: list[Pipelines] = []
        loading = Clock(device_of(settings), 1, 0).times(lambda: made.append(Pipelines(settings)))
        pipelines = made[0]
        table.add("loading", "", 1, loading, peak_bytes=pipelines.peak_bytes())
        Parts(pipelines, clock, table).measure(sizes, batches)
        return pipelines

    measure_requests(settings, open_pipelines, clock, table, sizes)
    return table.verdicts()


def forget_weights(settings: Settings) -> None:
    """Else they would count as memory of the next one: hooks hold them in circles, and compiled code holds them."""
    if settings.compile != "off":
        torch.compiler.reset()
    gc.collect()
    torch.cuda.empty_cache()


def _numbers(text: str) -> tuple[int, ...]:
    numbers = text.split(",")
    if not all(number.isascii() and number.isdigit() and 1 <= int(number) <= 64 for number in numbers):
        raise argparse.ArgumentTypeError(f"'{text}' is no list of numbers from 1 to 64, such as 1,2,4")
    return tuple(map(int, numbers))


def _modes(text: str) -> tuple[str, ...]:
    modes = tuple(text.split(","))
    if not set(modes) <= set(COMPILE):
        raise argparse.ArgumentTypeError(f"'{text}' is no list of {', '.join(COMPILE)}")
    return modes


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ops/engine/bench", description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="tiny weights: proves the program, not the speed")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--sizes", type=parse_sizes, default="256x256,512x512,1024x1024,1536x1536")
    parser.add_argument("--batches", type=_numbers, default="1,2,4,8")
    parser.add_argument("--compile", type=_modes, default=",".join(COMPILE), help="which of %(default)s")
    parser.add_argument("--attention", choices=tuple(ATTENTION), default="auto")
    parser.add_argument("--quantize", choices=QUANTIZE[:3], default="none")
    parser.add_argument("--offload", choices=OFFLOAD, default="none", help="with --compile off")
    parser.add_argument("--repeats", type=positive, default=20)
    parser.add_argument("--warmups", type=int, default=3)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table, then what it says about the goals. 1 when a configuration did not run to its end."""
    parser = _parser()
    given = parser.parse_args(arguments)
    configurations = [
        Settings(
            weights="tiny" if given.tiny else "random-full",
            device=given.device,
            attention=given.attention,
            compile=mode,
            quantize=given.quantize,
            offload=given.offload,
        )
        for mode in given.compile
    ]
    for settings in configurations:
        check_combinations(parser.error, settings)
    try:
        device = device_of(configurations[0])
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    peak = peak_of(device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    facts = f"{configurations[0].weights} weights, torch {torch.__version__}, {given.repeats} repeats"
    print(f"{name}, {peak.flops / 1e12:.2f} TFLOP/s{'' if peak.is_known else ' as measured'}, {facts}\n")
    print(f"| {' | '.join(HEADING)} |\n|{' --- |' * len(HEADING)}", flush=True)
    clock = Clock(device, given.repeats, given.warmups)
    said, code = [], 0
    for settings in configurations:
        try:
            said += measure(settings, clock, peak, given.sizes, given.batches)
        except (SetupError, RuntimeError) as error:
            # What the other configurations took stays worth its time.
            said.append(f"--compile {settings.compile} ended early: {error}")
            code = 1
        forget_weights(settings)
    print()
    print("\n".join(said) or "no goal applies: they are for 1024x1024 on a GPU whose speed is known")
    return code


if __name__ == "__main__":
    sys.exit(main())
