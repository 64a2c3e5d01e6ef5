"""What goes wrong, in the shape of OpenAI's API."""

from typing import Any


class EngineError(Exception):
    """An answer that is no picture.

    `param` names the field that is at fault; `code` is for programs, the message tells people what to do next.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code
        self.retry_after = retry_after

    @property
    def body(self) -> dict[str, Any]:
        """`{"error": {...}}`."""
        kind = "server_error" if self.status >= 500 else "invalid_request_error"
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}

    @property
    def headers(self) -> dict[str, str]:
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}


def bad(param: str, message: str, *, status: int = 400) -> EngineError:
    """A field that cannot be used."""
    return EngineError(status, f"{param}: {message}", param=param, code="invalid_value")
