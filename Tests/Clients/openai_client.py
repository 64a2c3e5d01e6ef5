"""Uses the official OpenAI client against a running server: openai_client.py BASE_URL KEY POOR_KEY FOLDER.

FOLDER holds picture.png and mask.png; what was drawn is left there. Each step prints its name, so that a test sees how far
it came; anything unexpected ends the program with a traceback.
"""

import base64
import struct
import sys
import urllib.request
import zlib

import openai

base_url, key, poor_key, folder = sys.argv[1:]
client = openai.OpenAI(base_url=base_url, api_key=key)


def save(name, data):
    with open(f"{folder}/{name}", "wb") as file:
        file.write(data)


def rows(png):
    """The rows of an 8-bit RGB PNG, as bytes."""
    place, data = 8, b""
    while place < len(png):
        length, kind = struct.unpack(">I4s", png[place : place + 8])
        content = png[place + 8 : place + 8 + length]
        if kind == b"IHDR":
            width, height, depth, colours = struct.unpack(">IIBB", content[:10])
            assert (depth, colours) == (8, 2), (depth, colours)
        elif kind == b"IDAT":
            data += content
        place += 12 + length
    data, above, result = zlib.decompress(data), bytes(width * 3), []
    for y in range(height):
        start = y * (width * 3 + 1)
        filter, line = data[start], bytearray(data[start + 1 : start + 1 + width * 3])
        for x in range(width * 3):
            left, up, corner = (line[x - 3], above[x], above[x - 3]) if x >= 3 else (0, above[x], 0)
            nearest = min((abs(up - corner), 0), (abs(left - corner), 1), (abs(left + up - 2 * corner), 2))[1]
            line[x] = (line[x] + (0, left, up, (left + up) // 2, (left, up, corner)[nearest])[filter]) % 256
        above = bytes(line)
        result.append(above)
    return result


def fails(exception, call, **expected):
    """Calls what must raise exactly that exception, with these members."""
    try:
        call()
    except exception as error:
        assert type(error) is exception, repr(error)
        for name, value in expected.items():
            assert getattr(error, name) == value, f"{name}: {getattr(error, name)!r} in {error!r}"
        return error
    raise AssertionError(f"{exception.__name__} was not raised")


def generate(**changes):
    return client.images.generate(**{"model": "z-image-turbo", "prompt": "a red fox", "size": "512x512", **changes})


def edit(**changes):
    with open(f"{folder}/picture.png", "rb") as picture:
        return client.images.edit(**{"image": picture, "prompt": "a blue fox", "size": "512x512", **changes})


seed = {"extra_body": {"seed": 42}}

reply = generate(**seed)
assert reply.size == "512x512" and reply.output_format == "png" and reply.created > 0, reply
assert reply.data[0].b64_json is None and reply.usage.total_tokens == 0, reply
by_url = urllib.request.urlopen(reply.data[0].url, timeout=30).read()
assert by_url.startswith(b"\x89PNG"), by_url[:8]
print("url")

reply = generate(response_format="b64_json", **seed)
by_base64 = base64.b64decode(reply.data[0].b64_json)
assert by_base64 == by_url, "the same seed, size and format is the same picture"
save("generated.png", by_base64)
print("b64_json")

webp = base64.b64decode(generate(response_format="b64_json", output_format="webp", **seed).data[0].b64_json)
assert webp[:4] == b"RIFF" and webp[8:12] == b"WEBP", webp[:12]
print("webp")

with generate(stream=True, partial_images=2, **seed) as stream:
    events = list(stream)
assert [event.type for event in events] == ["image_generation.completed"], events
assert base64.b64decode(events[0].b64_json) == by_url and events[0].usage.total_tokens == 0
assert type(events[0]).__name__ == "ImageGenCompletedEvent", type(events[0])
print("stream")

raw = client.images.with_raw_response.generate(prompt="a red fox", size="512x512", extra_headers={"Idempotency-Key": "fox"})
again = client.images.with_raw_response.generate(prompt="a red fox", size="512x512", extra_headers={"Idempotency-Key": "fox"})
assert raw.headers["x-task-id"] == again.headers["x-task-id"] and raw.parse() == again.parse()
assert again.headers["idempotency-replayed"] == "true"
print("idempotency")

edited = base64.b64decode(edit(response_format="b64_json", **seed).data[0].b64_json)
save("edited.png", edited)
print("edit")

with open(f"{folder}/mask.png", "rb") as mask:
    inpainted = base64.b64decode(edit(mask=mask, response_format="b64_json", **seed).data[0].b64_json)
save("inpainted.png", inpainted)
with open(f"{folder}/picture.png", "rb") as picture:
    before, after = rows(picture.read()), rows(inpainted)
half = len(before[0]) // 2
assert [row[half:] for row in before] == [row[half:] for row in after], "what the mask keeps is kept"
changed = sum(a != b for old, new in zip(before, after) for a, b in zip(old[:half], new[:half]))
assert changed > half * len(before) // 2, f"what is transparent in the mask is drawn anew: {changed} bytes"
print("inpaint")

with open(f"{folder}/picture.png", "rb") as picture:
    with edit(image=[picture], stream=True) as stream:
        assert [event.type for event in stream] == ["image_edit.completed"]
print("edit stream")

several = generate(n=3, response_format="b64_json", size="512x512").data
assert len({image.b64_json for image in several}) == 3, "three pictures"
with generate(n=2, stream=True, size="512x512") as stream:
    assert [event.type for event in stream] == ["image_generation.completed"] * 2
print("several")

assert [model.id for model in client.models.list()] == ["z-image-turbo"]
assert client.models.retrieve("z-image-turbo").object == "model"
print("models")

wrong = openai.OpenAI(base_url=base_url, api_key="sk-wrong")
fails(openai.AuthenticationError, lambda: wrong.images.generate(prompt="a"), code="invalid_api_key", status_code=401)
poor = openai.OpenAI(base_url=base_url, api_key=poor_key)
error = fails(openai.RateLimitError, lambda: poor.images.generate(prompt="a"), code="insufficient_quota", status_code=429)
assert error.response.headers["x-should-retry"] == "false"
fails(openai.BadRequestError, lambda: generate(size="100x100"), param="size")
fails(openai.BadRequestError, lambda: generate(n=5), param="n")
fails(openai.BadRequestError, lambda: generate(prompt="x" * 2001), param="prompt")
fails(openai.BadRequestError, lambda: edit(image=b"no picture"), param="image")
fails(openai.BadRequestError, lambda: generate(size="100x100", stream=True), param="size")
fails(openai.NotFoundError, lambda: generate(model="dall-e-3"), code="model_not_found", param="model")
fails(openai.NotFoundError, lambda: client.models.retrieve("gpt-image-1"), code="model_not_found")
fails(
    openai.UnprocessableEntityError,
    lambda: generate(prompt="another", extra_headers={"Idempotency-Key": "fox"}),
    code="idempotency_conflict",
)
print("errors")
