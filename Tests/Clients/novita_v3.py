"""Uses Novita's own client against a running server: novita_v3.py BASE_URL KEY POOR_KEY.

Prints JSON: what the client made of each reply. Anything unexpected ends the program with a traceback.
"""

import base64
import json
import sys

from novita_client import NovitaClient
from novita_client.exceptions import NovitaResponseError

base_url, key, poor_key = sys.argv[1:]
client = NovitaClient(key, base_url)
seen = []


def facts(result):
    """What the client read, so that the test can compare it."""
    return {
        "status": result.task.status.value, "reason": result.task.reason, "type": result.task.task_type,
        "progress": result.task.progress_percent, "seed": result.extra.seed, "images": len(result.images),
        "ttl": result.images[0].image_url_ttl, "format": result.images[0].image_type,
        "times": result.extra.debug_info.submit_time_ms <= result.extra.debug_info.execute_time_ms
        <= result.extra.debug_info.complete_time_ms,
    }


def refused(call):
    """The error that the client raises."""
    try:
        call()
    except NovitaResponseError as error:
        return str(error)
    raise AssertionError("nothing was refused")


# The public method: it submits, polls and downloads.
drawn = client.txt2img_v3(
    "z-image-turbo", "a cat", 1, width=512, height=256, seed=7, response_image_type="png",
    callback=lambda result: seen.append(result.task.status.value))
report = {"txt2img": facts(drawn), "statuses": seen, "downloaded": drawn.images_encoded[0]}

# The model's own route.
task = client._post("/v3/async/z-image-turbo", {"prompt": "a cat", "size": "512*256", "seed": 7, "output_format": "png"})
flat = client.wait_for_task_v3(task["task_id"])
flat.download_images()
report["flat"] = facts(flat)
report["same"] = flat.images_encoded[0] == drawn.images_encoded[0]

task = client._post(
    "/v3/async/z-image-turbo",
    {"prompt": "a cat", "size": "512*256", "seed": 7, "output_format": "png", "enable_base64_output": True})
inline = client.wait_for_task_v3(task["task_id"])
head, data = inline.images[0].image_url.split(",")
report["inline"] = {"head": head, "same": base64.b64decode(data) == base64.b64decode(drawn.images_encoded[0])}

# What is refused.
report["poor"] = refused(lambda: NovitaClient(poor_key, base_url).txt2img_v3("z-image-turbo", "a cat", 1))
report["forged"] = refused(lambda: NovitaClient("sk-1", base_url).txt2img_v3("z-image-turbo", "a cat", 1))
report["model"] = refused(lambda: client.txt2img_v3("sd_xl_base_1.0.safetensors", "a cat", 1))
report["unknown"] = refused(lambda: client.async_task_result("00000000-0000-4000-8000-000000000000"))
print(json.dumps(report))
