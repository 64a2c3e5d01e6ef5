"""Reads bodies without trusting their size."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from .errors import EngineError, bad
from .pictures import FILE_BYTES_MAX

JSON_BYTES_MAX = 64 * 1024
FORM_BYTES_MAX = 4 * FILE_BYTES_MAX
"""Of a body that is too large, this much is read and dropped, so that its sender gets to read the answer."""
TEXT_BYTES_MAX = 16 * 1024


async def read_json(request: Request, bytes_max: int = JSON_BYTES_MAX) -> Mapping[str, Any]:
    """The object of a JSON body."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > bytes_max:
            raise EngineError(
                413, f"the body is larger than {bytes_max} bytes: pictures to start from go to /v1/images/edits"
            )
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise EngineError(400, "the body is no JSON") from error
    if not isinstance(found, dict):
        raise EngineError(400, "the body is no JSON object")
    return found


class _Parser(MultiPartParser):
    """Starlette's parser, with a limit for each file: what is too much is dropped, and named at the end."""

    spool_max_size = FILE_BYTES_MAX
    """Files stay in memory: none is larger."""

    def __init__(self, headers: Headers, request: Request) -> None:
        super().__init__(headers, request.stream(), max_files=4, max_fields=40, max_part_size=TEXT_BYTES_MAX)
        self.too_large: str | None = None
        self._total = 0

    def on_part_begin(self) -> None:
        super().on_part_begin()
        self._part_bytes = 0

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._part_bytes += end - start
        self._total += end - start
        field = self._current_part.field_name
        if self._total > FORM_BYTES_MAX:
            raise bad(field, f"the body is larger than {FORM_BYTES_MAX // 2**20} MiB", status=413)
        if self._part_bytes > (TEXT_BYTES_MAX if self._current_part.file is None else FILE_BYTES_MAX):
            self.too_large = self.too_large or field
            return
        super().on_part_data(data, start, end)


async def read_form(request: Request) -> Mapping[str, str | bytes]:
    """The fields of a multipart body: texts as str, files as bytes."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise EngineError(400, "the body is no multipart/form-data with the picture in its field image")
    parser = _Parser(request.headers, request)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise EngineError(400, f"the form cannot be read: {error.message}") from error
    except ClientDisconnect as error:
        raise EngineError(400, "the form ended early") from error
    try:
        if parser.too_large is not None:
            limit = f"{FILE_BYTES_MAX // 2**20} MiB as a file, {TEXT_BYTES_MAX // 1024} KiB as text"
            raise bad(parser.too_large, f"it is too large: at most {limit}", status=413)
        fields: dict[str, str | bytes] = {}
        for name, value in form.multi_items():
            # OpenAI's clients name the field so when they are given a list.
            name = name.removesuffix("[]")
            if name in fields:
                raise bad(name, "it is there twice")
            fields[name] = await value.read() if isinstance(value, UploadFile) else value
        return fields
    finally:
        await form.close()
