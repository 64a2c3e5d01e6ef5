"""Uses the official OpenAI client where every task fails, or none ends: openai_failures.py BASE_URL KEY failed|unfinished.

Prints the exceptions' codes. A client that repeated one of these requests would have made a second task, which the test
counts.
"""

import sys

import openai

base_url, key, how = sys.argv[1:]
client = openai.OpenAI(base_url=base_url, api_key=key)
code = {"failed": "generation_failed_no_content", "unfinished": "task_unfinished"}[how]

try:
    client.images.generate(prompt="a red fox", size="512x512")
    raise AssertionError("no exception")
except openai.InternalServerError as error:
    assert error.code == code, repr(error)
    assert error.response.headers["x-task-id"] in error.message or how == "failed", repr(error)
    print(error.status_code)

try:
    for event in client.images.generate(prompt="a red fox", size="512x512", stream=True):
        raise AssertionError(event)
    raise AssertionError("no exception")
except openai.APIError as error:
    assert type(error) is openai.APIError and error.code == code, repr(error)
    print("stream")
