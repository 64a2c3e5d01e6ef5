"""The providers: `zserve simulate` processes with mild faults, added as an operator adds them. What their books say was paid.

Their books lie in memory, so they are stopped and resumed, and never killed."""
import http.client
import json
import random
import subprocess
import threading
import time
from dataclasses import dataclass

from storm.site import Trouble, free_port, mark_running
from storm.stoppable import Stoppable

MODEL = "hosted"  # Theirs; every other model is the sandbox's.
TIMEOUT_SECONDS, DEADLINE_SECONDS = 3, 12  # For an answer to a submit, and for a job.
WEATHER_SECONDS = (0.5, 1.5)  # From one fault of a provider to the next.
ANSWER_SECONDS = 5
START_SECONDS = 60

SUBMIT_FAULTS = ("slow=1", "429=1", "503", "reset-before", "reset-after", "failed")
HOSTED_FAULTS = tuple(f"submit:{fault}" for fault in SUBMIT_FAULTS + ("502-after",)) + (
    "poll:slow=1", "poll:429=1", "poll:503", "poll:reset-after", "fetch:slow=1", "fetch:503", "fetch:truncated", "fetch:expired-link")
ENGINE_FAULTS = tuple(f"submit:{fault}" for fault in SUBMIT_FAULTS + ("garbage", "truncated"))


@dataclass(frozen=True)
class Play:
    """How a provider is played and added. What costs nothing may be asked again when its answer is lost."""

    name: str
    kind: str
    engine: str
    seconds: float
    costs: bool
    faults: tuple


PLAYS = (
    Play("same-task", "unified", "--engine zimage", 0.7, True, HOSTED_FAULTS),
    Play("new-task", "highway", "", 1.5, True, HOSTED_FAULTS),
    Play("own-engine", "openai-images", "--engine reference", 0.3, False, ENGINE_FAULTS),
)


class Provider(Stoppable):
    """One simulated provider."""

    def __init__(self, site, play, seed):
        self.play, self.port = play, free_port()
        self._site = site
        self._dice = random.Random(f"provider {seed} {play.name}")
        self._weather_at = 0
        self.faults = 0

    def start(self):
        """Starts it; returns when it answers."""
        site, play = self._site, self.play
        options = f"--kind {play.kind} --port {self.port} --seconds {play.seconds} --price {'0.005' if play.costs else '0'}"
        with open(f"{site.data}/{play.name}.log", "ab") as log:
            self._process = subprocess.Popen(  # pylint: disable=consider-using-with
                [f"{site.programs}/zserve", "simulate", *options.split()], env=site.environment(), stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True)
        mark_running(site, self.port, self._process.pid)
        began = time.monotonic()
        while self._ask("GET", "") is None:
            if self._process.poll() is not None or time.monotonic() - began > START_SECONDS:
                raise Trouble(f"zserve simulate --kind {play.kind} does not answer: see {site.data}/{play.name}.log")
            time.sleep(0.05)

    def add(self):
        """Tells the installation of it, as its greeting says."""
        cost = "--cost 0.005 --currency USD" if self.play.costs else ""
        self._site.zadmin(
            f"provider add {self.play.name} --kind {self.play.kind} {self.play.engine} --base-url http://127.0.0.1:{self.port}"
            f" --allow-private --model {MODEL}=z-image-turbo --timeout-seconds {TIMEOUT_SECONDS}"
            f" --deadline-seconds {DEADLINE_SECONDS} {cost}", "simulated")

    def tend(self, calm):
        """Resumes it when its time is over, and has something go wrong with it now and then; answers what should not have been."""
        now = time.monotonic()
        code = self._process.poll()
        if code is not None:
            return f"{self.play.name} ended by itself with {code}: see its log"
        self.wake(now)
        if now >= self._weather_at and not self._resume_at:
            self._weather_at = now + self._dice.uniform(*WEATHER_SECONDS)
            faults = [] if calm else [self._dice.choice(self.play.faults)]
            self.faults += len(faults)
            self._ask("POST", "/faults", json.dumps(faults))
        return None

    def book(self):
        """Everything that it was asked and has charged."""
        answer = self._ask("GET", "")
        if answer is None:
            raise Trouble(f"{self.play.name} does not show its book")
        return json.loads(answer)

    def invoice(self):
        """What it bills, as a file."""
        path = f"{self._site.data}/{self.play.name}.csv"
        with open(path, "wb") as file:
            file.write(self._ask("GET", "/invoice.csv") or b"")
        return path

    def _ask(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_SECONDS)
        try:
            connection.request(method, f"/_simulator{path}", body)
            reply = connection.getresponse()
            answer = reply.read()
            return answer if reply.status == 200 else None
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def kill(self):
        """Ends it."""
        if self._process:
            self._process.kill()


class Providers:
    """All of them, tended by a thread of their own."""

    def __init__(self, site, seed):
        self._site = site
        self.all = [Provider(site, play, seed) for play in PLAYS]
        self.findings = []
        self._lock = threading.Lock()
        self._calm, self._ending = threading.Event(), threading.Event()
        self._tending = threading.Thread(target=self._tend, daemon=True)

    def start(self):
        """Starts them and adds them, before the first node: until then the sandbox would draw their model too."""
        self._site.ask(f"insert into models (name) values ('{MODEL}') returning to_json(id)")
        self._site.zadmin(f"price set --group default --model {MODEL} --amount 0.026")
        for provider in self.all:
            provider.start()
            provider.add()
        self._tending.start()

    def _tend(self):
        while not self._ending.wait(0.05):
            with self._lock:
                self.findings = self.findings or list(filter(None, [each.tend(self._calm.is_set()) for each in self.all]))

    def suffer(self, fault):
        """Stops one for a while."""
        with self._lock:
            self.all[fault.provider - 1].suspend(fault.seconds)

    def calm(self):
        """Nothing more goes wrong."""
        self._calm.set()
        with self._lock:
            for provider in self.all:
                provider.resume()

    def close(self):
        """Kills them all."""
        self._ending.set()
        if self._tending.is_alive():
            self._tending.join()
        for provider in self.all:
            provider.kill()
