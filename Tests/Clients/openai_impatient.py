"""Asks for one picture with an idempotency key and waits so long for it: openai_impatient.py BASE_URL KEY SECONDS.

Prints "timeout" or "picture". A client that gives up asks twice more by itself.
"""

import sys

import openai

base_url, key, seconds = sys.argv[1:]
client = openai.OpenAI(base_url=base_url, api_key=key, timeout=float(seconds))
try:
    reply = client.images.generate(prompt="a red fox", size="512x512", extra_headers={"Idempotency-Key": "fox"})
    assert reply.data[0].url, reply
    print("picture")
except openai.APITimeoutError:
    print("timeout")
