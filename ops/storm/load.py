"""The load: customers who submit, and repeat under the same key until they have a definite answer; an operator who
grants credits the same way."""
import http.client
import json
import random
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field

from storm.providers import MODEL

BACKLOG_MAX = 120  # Waiting and running tasks beyond which customers pause, so that the queues can drain in time.
CLIENTS = 16
ANSWER_SECONDS = 2  # How long a customer waits for an answer before it repeats.
PATIENCE_SECONDS = 90  # How long after the storm the last answers may take.


@dataclass
class Account:
    """Who submits: a key, how large a share of the submits is theirs, and the model that they want."""

    name: str
    key: str
    share: int
    granted_micro: int
    model: str


@dataclass
class Order:
    """One thing that a customer wants once: its key, its body, and every answer that came."""

    key: str
    account: Account
    body: bytes
    callback: str = ""
    accepted: list = field(default_factory=list)  # bodies of 200 answers
    refused: int = 0  # 402 answers

    def is_settled(self):
        """Whether the customer knows what became of it."""
        return bool(self.accepted or self.refused)


class Load:
    """All customers and what they know."""

    def __init__(self, nodes, customer, accounts, seed, watcher):
        self.nodes, self.customer, self.accounts, self.watcher = nodes, customer, accounts, watcher
        self.stopping = threading.Event()
        self.given_up_at = None
        self._lock = threading.Lock()
        self.orders = []
        self.answers = {}  # status or "no answer" -> count
        self.findings = []
        self._clients = [
            threading.Thread(target=self._work, args=(number, random.Random(f"client {seed} {number}")), daemon=True)
            for number in range(CLIENTS)
        ]

    def start(self):
        """Sends the customers off."""
        for client in self._clients:
            client.start()

    def finish(self):
        """Lets each customer come to the end of what it began."""
        self.given_up_at = time.monotonic() + PATIENCE_SECONDS
        self.stopping.set()
        for client in self._clients:
            client.join()

    def count(self, answer):
        """Notes an answer."""
        with self._lock:
            self.answers[answer] = self.answers.get(answer, 0) + 1

    def complain(self, text):
        """Notes what should not have been; the first hundred are enough."""
        with self._lock:
            if len(self.findings) < 100:
                self.findings.append(text)

    def _work(self, number, dice):
        made = 0
        while not self.stopping.is_set():
            if self.watcher.backlog > BACKLOG_MAX:
                self.stopping.wait(0.2)
                continue
            made += 1
            order = self._order(f"c{number}-{made}", dice)
            with self._lock:
                self.orders.append(order)
            self._insist(order, dice)

    def _order(self, key, dice):
        account = dice.choices(self.accounts, [account.share for account in self.accounts])[0]
        # A long prompt now and then, because large rows meet other limits than small ones.
        prompt = f"number {key} " + ("\U0001f30a" * 1900 if dice.random() < 0.03 else "is a ship in a storm")
        body = {"model": account.model, "prompt": prompt, "size": "376x376"}
        order = Order(key, account, b"")
        if dice.random() < 0.7:
            order.callback = self.customer.url(key)
            body["callback_url"] = order.callback
        order.body = json.dumps(body).encode()
        return order

    def _insist(self, order, dice):
        """Submits until the answer is definite; sometimes to two nodes at once, sometimes once more afterwards."""
        while not order.is_settled():
            if self.given_up_at and time.monotonic() > self.given_up_at:
                return self.complain(f"{order.key} had no definite answer {PATIENCE_SECONDS} s after the storm")
            if dice.random() < 0.1:
                twin = threading.Thread(target=self.submit, args=(order, dice.choice(self.nodes)), daemon=True)
                twin.start()
                self.submit(order, dice.choice(self.nodes))
                twin.join()
            else:
                self.submit(order, dice.choice(self.nodes))
            if not order.is_settled():
                time.sleep(0.05)
        if dice.random() < 0.2:
            self.submit(order, dice.choice(self.nodes))
        return None

    def submit(self, order, node):
        """One try at one node."""
        headers = {"Idempotency-Key": order.key, "Content-Type": "application/json"}
        status, body = self.send(node, "POST", "/v1/images/generations", order.account.key, order.body, headers)
        if status == 200:
            order.accepted.append(body)
        elif status == 402:
            order.refused += 1
        elif status not in (429, 503, "no answer"):
            self.complain(f"{order.key} was answered with {status}: {body[:300]}")

    def send(self, node, method, path, key, body=None, headers=None):
        """One request; the status is "no answer" when the connection or the time ran out."""
        connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=ANSWER_SECONDS)
        try:
            connection.request(method, path, body, {"Authorization": f"Bearer {key}"} | (headers or {}))
            reply = connection.getresponse()
            answer = reply.status, reply.read()
        except (OSError, http.client.HTTPException):
            answer = "no answer", b""
        finally:
            connection.close()
        self.count(answer[0])
        return answer


class Treasurer(threading.Thread):
    """Grants credits with zadmin, kills it in the middle now and then, and repeats it under the same key."""

    def __init__(self, site, account, seed):
        super().__init__(daemon=True)
        self._site, self._account = site, account
        self._dice = random.Random(f"treasurer {seed}")
        self._ending = threading.Event()
        self.grants = self.kills = 0

    def run(self):
        while not self._ending.wait(self._dice.uniform(1, 4)):
            self.grants += 1
            line = f"credits grant --account {self._account.name} --amount 0.078 --idempotency-key grant-{self.grants}"
            while not self._try(line):
                time.sleep(0.2)
            self._account.granted_micro += 78_000

    def _try(self, line):
        site = self._site
        with subprocess.Popen(
            [f"{site.programs}/zadmin", *line.split()], env=site.environment(), stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True) as process:
            try:
                return process.wait(self._dice.uniform(0.01, 0.2) if self._dice.random() < 0.5 else 60) == 0
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                self.kills += 1
                return False

    def stop(self):
        """Ends after the grant under way."""
        self._ending.set()
        self.join()


def open_accounts(site):
    """The customers: two with plenty, one of a small group, one who runs out of credits, test credits, and one whose tasks go
    to the providers."""
    site.zadmin("group create small --max-running 2 --max-pending 12 --rpm 600 --burst 20")
    plan = [
        ("rich", "default", 100_000, "", 40), ("busy", "default", 100_000, "", 20),
        ("small", "small", 100_000, "", 10), ("poor", "default", 1, "", 10), ("rich", "", 0, "--test", 20),
        ("hosted", "default", 100_000, "", 40),
    ]
    accounts = []
    for name, group, credits, mode, share in plan:
        if group:
            site.zadmin(f"account create {name} --group {group}")
            site.zadmin(f"credits grant --account {name} --amount {credits}")
        key = site.zadmin_json(f"key issue --account {name} {mode}")["key"]
        granted = credits * 1_000_000 if group else 1_000_000_000
        model = MODEL if name == "hosted" else "z-image-turbo"
        accounts.append(Account(f"{name} --test" if mode else name, key, share, granted, model))
    return accounts
