"""What the text encoder said about prompts that come again: a retry, the pictures of one task, a customer's series."""

from collections import OrderedDict
from collections.abc import Callable

import torch


class TextCache:
    """Least recently used first out, bounded by bytes. Used by the engine's thread alone."""

    def __init__(self, bytes_max: int, encode: Callable[[str], torch.Tensor]) -> None:
        self._bytes_max = bytes_max
        self._encode = encode
        self._known: OrderedDict[str, torch.Tensor] = OrderedDict()
        self.bytes = 0
        self.hits = 0
        self.misses = 0

    def __getitem__(self, prompt: str) -> torch.Tensor:
        known = self._known.get(prompt)
        if known is not None:
            self._known.move_to_end(prompt)
            self.hits += 1
            return known
        self.misses += 1
        made = self._encode(prompt)
        if made.nbytes <= self._bytes_max:
            self._known[prompt] = made
            self.bytes += made.nbytes
        while self.bytes > self._bytes_max:
            _, oldest = self._known.popitem(last=False)
            self.bytes -= oldest.nbytes
        return made
