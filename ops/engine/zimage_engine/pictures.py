"""Picture files in and out. All of it is slow and runs on threads of its own, never on the one that draws."""

import io
import warnings

import numpy as np
from PIL import Image, ImageOps

from .errors import EngineError, bad

FILE_BYTES_MAX = 20 * 2**20
SIDE_MAX = 4096
INPUT_FORMATS = ("PNG", "JPEG", "WEBP")
OUTPUT_FORMATS = ("png", "jpeg", "webp")

# Pillow refuses twice as much by itself; the sides are checked before a pixel is decoded.
Image.MAX_IMAGE_PIXELS = SIDE_MAX * SIDE_MAX


def _open(field: str, data: bytes) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(data), formats=INPUT_FORMATS)
            if max(picture.size) > SIDE_MAX:
                raise bad(field, f"it has {picture.width}x{picture.height} pixels, at most {SIDE_MAX} a side are read")
            if picture.mode.startswith("I") or picture.mode == "F":
                raise bad(field, "it has more than 8 bits a channel: save it with 8")
            picture.load()
            return ImageOps.exif_transpose(picture)
    except EngineError:
        raise
    except Image.DecompressionBombError as error:
        raise bad(field, f"it has too many pixels, at most {SIDE_MAX} a side are read") from error
    # Pillow's decoders raise whatever they meet in a broken file.
    except Exception as error:
        raise bad(field, "it is no PNG, JPEG or WebP picture, or a damaged one") from error


def read_image(field: str, data: bytes) -> Image.Image:
    """A picture to start from, as RGB; what is transparent becomes white."""
    picture = _open(field, data)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(white, picture).convert("RGB")
    return picture.convert("RGB")


def read_mask(field: str, data: bytes) -> Image.Image:
    """A mask as black and white; transparency says nothing here, because white is what is repainted."""
    picture = _open(field, data)
    if picture.mode in ("P", "PA"):
        picture = picture.convert("RGB")
    return picture.convert("L").point(lambda value: 255 if value >= 128 else 0)


def encode(
    pixels: np.ndarray, file_format: str, original: Image.Image | None = None, mask: Image.Image | None = None
) -> bytes:
    """A file of what was drawn.

    Where a mask is black, the pixels are those of the original: the model's own decoder would change them slightly.
    """
    picture = Image.fromarray(pixels)
    if original is not None and mask is not None:
        picture = Image.composite(picture, original, mask)
    file = io.BytesIO()
    match file_format:
        # The service encodes once more: speed counts here, not bytes.
        case "png":
            picture.save(file, "PNG", compress_level=1)
        case "jpeg":
            picture.save(file, "JPEG", quality=95, subsampling=0)
        case _:
            picture.save(file, "WEBP", quality=95, method=2)
    return file.getvalue()
