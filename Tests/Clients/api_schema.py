"""Compares the document with a running server by schemathesis: api_schema.py BASE_URL FOLDER [KEY].

Without a key every route is asked as a stranger. Ends with schemathesis' own status; what it found is on its output."""
import json
import os
import pathlib
import subprocess
import sys
import urllib.request

base_url, folder = sys.argv[1:3]
key = sys.argv[3] if len(sys.argv) > 3 else None
here = pathlib.Path(__file__).parent


def close(schema):
    """Replies must have no field that the document does not tell; customers' programs are not told so, because fields will be added."""
    if isinstance(schema, dict):
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
        for value in schema.values():
            close(value)
    elif isinstance(schema, list):
        for value in schema:
            close(value)


def responses(document):
    yield from document["components"]["responses"].values()
    for path in document["paths"].values():
        for operation in path.values():
            yield from operation["responses"].values()


with urllib.request.urlopen(f"{base_url}/openapi.json") as reply:
    document = json.load(reply)
for name, schema in document["components"]["schemas"].items():
    # Unknown fields of requests are ignored.
    if not name.endswith(("Request", "Form", "Webhook", "Picture")):
        close(schema)
for response in responses(document):
    # The document itself is the one reply that is told in outlines.
    if "openapi" not in json.dumps(response):
        close(response)
path = os.path.join(folder, "openapi.json")
with open(path, "w", encoding="utf-8") as file:
    json.dump(document, file)

command = [
    str(pathlib.Path(sys.executable).parent / "st"), "--config-file", str(here / "api_schema.toml"), "run", path, "--url", base_url,
    "--no-color", "--report-junit-path", os.path.join(folder, "schemathesis.xml"),
]
if key:
    command += ["-H", f"Authorization: Bearer {key}"]
else:
    # No request of a stranger is accepted, so there is nothing to follow and nothing to vary.
    command += ["--phases", "examples,coverage", "--exclude-checks", "positive_data_acceptance"]
sys.exit(subprocess.run(command, cwd=folder, env={**os.environ, "PYTHONPATH": str(here)}).returncode)
