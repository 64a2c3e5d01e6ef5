"""`POST /v1/moderations`: what an image classifier from a local folder thinks of pictures, in OpenAI's shape."""

import base64
import binascii
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForImageClassification

from .errors import bad
from .pictures import FILE_BYTES_MAX, read_image
from .weights import SetupError

INPUTS_MAX = 8
CATEGORY = "sexual"
"""The only category that classifiers such as Falconsai/nsfw_image_detection know."""
FLAGGED_FROM = 0.5
BODY_BYTES_MAX = 2 * FILE_BYTES_MAX


class Moderator:
    """A classifier on the CPU, which is fast enough for a ViT and leaves the GPU to drawing."""

    def __init__(self, folder: Path, labels: tuple[str, ...]) -> None:
        """Raises ``SetupError`` when the folder holds no classifier, or one that knows none of the labels."""
        try:
            self._processor = AutoImageProcessor.from_pretrained(folder, local_files_only=True)
            self._model = AutoModelForImageClassification.from_pretrained(folder, local_files_only=True).eval()
        except (OSError, ValueError, ImportError) as error:
            raise SetupError(f"--moderation: {folder} holds no image classifier: {error}") from error
        known = {name.lower(): number for number, name in self._model.config.id2label.items()}
        self._wanted = [known[label] for label in labels if label in known]
        self._lock = threading.Lock()
        if not self._wanted:
            raise SetupError(
                f"--moderation-labels: the classifier has none of {', '.join(labels)}, but {', '.join(known)}"
            )

    @torch.no_grad()
    def score(self, picture: Image.Image) -> float:
        """How likely it is sexual, 0 to 1."""
        with self._lock:
            logits = self._model(**self._processor(picture, return_tensors="pt")).logits[0]
        return min(float(logits.softmax(-1)[self._wanted].sum()), 1.0)

    def answer(self, fields: Mapping[str, Any], name: str) -> dict[str, Any]:
        """Judges each input. Texts are never flagged: the category's applied inputs say that nobody looked at them."""
        given = fields.get("input")
        inputs = given if isinstance(given, list) else [given]
        if not 1 <= len(inputs) <= INPUTS_MAX:
            raise bad("input", f"give 1 to {INPUTS_MAX} inputs")
        pictures = [_picture(part) for part in inputs]
        if any(isinstance(part, str) for part in inputs):
            results = [_result(None if picture is None else self.score(picture)) for picture in pictures]
        else:
            # Parts of one input have one result together.
            scores = [self.score(picture) for picture in pictures if picture is not None]
            results = [_result(max(scores) if scores else None)]
        return {"id": f"modr-{name}", "model": name, "results": results}


def _picture(part: Any) -> Image.Image | None:
    """The picture of an input; None for a text."""
    if isinstance(part, str):
        return None
    kind = part.get("type") if isinstance(part, dict) else None
    if kind == "text":
        return None
    link = (
        part.get("image_url", {}).get("url")
        if kind == "image_url" and isinstance(part.get("image_url"), dict)
        else None
    )
    if not isinstance(link, str):
        raise bad("input", "give texts, or parts of type text or image_url")
    head, comma, body = link.partition(",")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        raise bad("input", "send pictures as data: URIs in base64: nothing is fetched from a URL")
    try:
        data = base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise bad("input", "a picture is no base64") from error
    return read_image("input", data)


def _result(score: float | None) -> dict[str, Any]:
    flagged = score is not None and score >= FLAGGED_FROM
    return {
        "flagged": flagged,
        "categories": {CATEGORY: flagged},
        "category_scores": {CATEGORY: score or 0.0},
        "category_applied_input_types": {CATEGORY: [] if score is None else ["image"]},
    }
