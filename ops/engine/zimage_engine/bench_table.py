"""The table of one configuration, and what it says about the goals."""

from .bench_floor import Peak, Times
from .settings import Settings

HEADING = ("part", "size", "at once", "mode", "ms", "p95 ms", "floor ms", "x floor", "a second", "peak GiB")
WHOLE = "whole request"
GOAL_SIZE, GOAL_FLOORS, GOAL_GIB = "1024x1024", 1.3, 16
"""A whole request takes at most so many times its floor; quantized or offloaded, the engine needs at most so much."""


class Table:
    """Prints each row as soon as it is measured."""

    def __init__(self, settings: Settings, peak: Peak) -> None:
        self._peak = peak
        self._is_offloaded = settings.offload != "none"
        self._is_lean = self._is_offloaded or settings.quantize != "none"
        mode = [settings.compile if settings.compile != "off" else "eager"]
        if settings.quantize != "none":
            mode.append(settings.quantize)
        if self._is_offloaded:
            mode.append(f"offload {settings.offload}")
        self._mode = " ".join(mode)
        self._whole: float | None = None
        """How many floors a whole request of the goal's size took."""
        self._sizes: set[str] = set()
        self._memory = 0.0

    def add(
        self,
        part: str,
        size: str,
        at_once: int,
        times: Times,
        *,
        flops: float | None = None,
        a_second: float | None = None,
        peak_bytes: int = 0,
    ) -> None:
        """One row.

        `flops` is the arithmetic of one picture, of `at_once` that are drawn in `times`; `a_second` is given where
        requests overlap, and so their times do not say how many end in a second. `peak_bytes` is 0 without a GPU.
        """
        a_second = a_second or at_once / times.median
        floor = None if flops is None else at_once * flops / self._peak.flops
        floors = None if floor is None else at_once / a_second / floor
        memory = peak_bytes / 2**30
        self._sizes.add(size)
        if part == WHOLE and size == GOAL_SIZE and at_once == 1:
            self._whole = floors
        if size in ("", GOAL_SIZE):
            self._memory = max(self._memory, memory)
        cells = [
            part,
            size,
            str(at_once),
            self._mode,
            f"{times.median * 1000:.1f}",
            f"{times.p95 * 1000:.1f}",
            "" if floor is None else f"{floor * 1000:.2f}",
            "" if floors is None else f"{floors:.2f}",
            f"{a_second:.2f}",
            f"{memory:.1f}" if memory else "",
        ]
        print(f"| {' | '.join(cells)} |", flush=True)

    def verdicts(self) -> list[str]:
        """Each goal that applies to this configuration, and whether it was met. None on a CPU, or at other sizes."""
        found = []
        if self._whole is not None and self._peak.is_known and not self._is_offloaded:
            found.append(self._verdict(WHOLE, f"{self._whole:.2f} x floor", self._whole, GOAL_FLOORS))
        if self._memory and self._is_lean and GOAL_SIZE in self._sizes:
            found.append(self._verdict("peak memory", f"{self._memory:.1f} GiB", self._memory, GOAL_GIB))
        return found

    def _verdict(self, what: str, figure: str, value: float, most: float) -> str:
        return f"{what} {GOAL_SIZE}, {self._mode}: {figure} (goal {most}): {'met' if value <= most else 'missed'}"
