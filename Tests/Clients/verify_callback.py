"""verify_callback.py FILE: checks a callback by the library that customers use. The file holds {"secret", "headers", "body"}.

Ends with 0 when the library takes the callback for ours, with 3 when it does not; then it says why."""
import json
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

with open(sys.argv[1], encoding="utf-8") as file:
    given = json.load(file)
try:
    print(json.dumps(Webhook(given["secret"]).verify(given["body"], given["headers"])))
except WebhookVerificationError as error:
    print(error, file=sys.stderr)
    sys.exit(3)
