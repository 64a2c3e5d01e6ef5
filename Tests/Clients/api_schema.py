"""Compares the document with a running server by schemathesis: api_schema.py BASE_URL FOLDER [KEY].

Without a key every route is asked as a stranger. Ends with schemathesis' own status; what it found is on its output."""
import json
import os
import pathlib
import subprocess
import sys
import urllib.request

from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

base_url, folder = sys.argv[1:3]
key = sys.argv[3] if len(sys.argv) > 3 else None
here = pathlib.Path(__file__).parent


def wrong_examples(document):
    """What the document's own examples break of its schemas, as sentences."""

    def absolute(value):
        if isinstance(value, dict):
            return {name: f"urn:document{item}" if name == "$ref" else absolute(item) for name, item in value.items()}
        return [absolute(item) for item in value] if isinstance(value, list) else value

    def check(value, place):
        if isinstance(value, list):
            for item in value:
                yield from check(item, place)
        if not isinstance(value, dict):
            return
        if "schema" in value:
            examples = [value["example"]] if "example" in value else [item["value"] for item in value.get("examples", {}).values()]
            for example in examples:
                for error in Draft202012Validator(value["schema"], registry=registry).iter_errors(example):
                    yield f"{place}: {error.message}"
        for name, item in value.items():
            yield from check(item, f"{place}/{name}")

    document = absolute(document)
    registry = Registry().with_resource("urn:document", Resource.from_contents(document, default_specification=DRAFT202012))
    return list(check({name: document[name] for name in ("paths", "components")}, ""))


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
faults = [str(error) for error in OpenAPIV31SpecValidator(document).iter_errors()] + wrong_examples(document)
if faults:
    sys.exit("\n".join(faults))
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
sys.exit(subprocess.run(command, cwd=folder, env={**os.environ, "PYTHONPATH": str(here), "PYTHONDONTWRITEBYTECODE": "1"}).returncode)
