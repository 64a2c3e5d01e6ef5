"""The customer's side of callbacks: an https server that remembers what it was told, and answers badly now and then."""
import http.server
import json
import random
import ssl
import subprocess
import threading


class Customer:
    """Listens on a loopback port with a certificate of its own. The path of a callback is its order's key."""

    FAILS, DROPS = 0.04, 0.02

    def __init__(self, folder, seed):
        self.authority = f"{folder}/customer.pem"
        secret = f"{folder}/customer-key.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
             "-subj", "/CN=customer", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", secret, "-out", self.authority],
            check=True, capture_output=True)
        self._seed = seed
        self._lock = threading.Lock()
        self.heard = {}  # path -> [(webhook-id, body)] in order, whatever was answered
        self.thanked = set()  # paths that were answered with 200
        self._server = self._listen(secret)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def settings(self):
        """What lets a node call here."""
        return {"ZIMAGE_EGRESS_ALLOW": f"127.0.0.1/32:{self.port}", "ZIMAGE_EGRESS_CA": self.authority}

    def url(self, key):
        """Where the callback of an order goes."""
        return f"https://127.0.0.1:{self.port}/{key}"

    def hear(self, path, call):
        """Remembers a call; answers the status to send, or None to hang up without one."""
        with self._lock:
            calls = self.heard.setdefault(path, [])
            calls.append(call)
            dice = random.Random(f"{self._seed} {path}").random()
            if len(calls) == 1 and dice < self.FAILS:
                return 503
            if len(calls) == 1 and dice < self.FAILS + self.DROPS:
                return None
            self.thanked.add(path)
            return 200

    def _listen(self, secret):
        server = _Server(("127.0.0.1", 0), _Handler)
        server.customer = self
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.authority, secret)
        # The handshake belongs to the thread of the call: a caller that dies in it must not stop the others.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        return server

    def close(self):
        """Listens no more."""
        self._server.shutdown()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_):
        """A caller that was killed in the middle of its call is no news here."""


class _Handler(http.server.BaseHTTPRequestHandler):
    timeout = 30

    def do_POST(self):  # pylint: disable=invalid-name
        """Takes one callback."""
        length = int(self.headers["content-length"])
        text = self.rfile.read(length)
        if len(text) < length:
            return  # Its caller died while it spoke.
        call = (self.headers["webhook-id"], json.loads(text))
        status = self.server.customer.hear(self.path[1:], call)
        if status:
            self.send_response(status)
            self.end_headers()

    def log_message(self, *_):
        """Keeps quiet."""
