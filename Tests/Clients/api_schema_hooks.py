"""What no schema can say, for schemathesis: which of the values that fit the document's words are good ones."""
import hashlib
import json

import schemathesis
from schemathesis.generation import GenerationMode

# 64 x 64 pixels, all white.
PICTURE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAEAAAABAAQAAAACCEkxzAAAAEklEQVR42mP4DwUMo4xRBukMAOPT/hAC2mzjAAAAAElFTkSuQmCC"
)

# What most requests have, because it is in the document's examples, and what is drawn faster.
SMALL = {"1024x1024": "256x256", "1024*1024": "256*256", "1024x768": "376x376", "16:9": "376x376"}


def small_result(body):
    """A test of all fields need not draw large pictures; sizes of other requests are as they come."""
    if body.get("size") in SMALL:
        body["size"] = SMALL[body["size"]]


def good_pictures(case):
    """A picture is a real one, and nothing else about pictures comes without it."""
    body = case.body
    names = ("images", "image") if case.operation.path.endswith("/edits") else ("image_url",)
    for name in names:
        if body.get(name) is not None:
            body[name] = [PICTURE] if name == "images" else PICTURE
    if body.get("mask") is not None:
        body["mask"] = PICTURE
    if not any(body.get(name) for name in names):
        body.pop("mask", None)
        body.pop("strength", None)


def no_callbacks(body):
    """A test calls nobody, and few texts are the URL of a public host."""
    body.pop("callback_url", None)
    if isinstance(body.get("extra"), dict):
        body["extra"].pop("webhook", None)


def own_key(case):
    """An Idempotency-Key is that of one body, and the document has one example for all."""
    if case.headers and "Idempotency-Key" in case.headers:
        digest = hashlib.sha256(json.dumps([case.operation.label, case.body], default=str).encode()).hexdigest()
        case.headers["Idempotency-Key"] = digest[:32] + case.headers["Idempotency-Key"][:200]


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE:
        return
    if isinstance(case.body, dict) and case.media_type == "application/json":
        good_pictures(case)
        no_callbacks(case.body)
        small_result(case.body)
    own_key(case)
    if case.operation.label == "GET /v1/tasks" and case.query and "page_size" in case.query:
        # How many pages there are depends on how large they are.
        case.query.pop("page", None)
