"""The nodes: zserve processes that are started again whenever they end, and the faults that end them."""
import http.client
import signal
import subprocess
import threading
import time

from storm.gate import Gate
from storm.site import SETTINGS, free_port, mark_running
from storm.stoppable import Stoppable

# A node that was asked to stop hands its work back within this time, and a second before it is killed.
EXIT_SECONDS = 20


class Node(Stoppable):
    """One zserve of several on one database. Its port and folder stay, its processes come and go."""

    def __init__(self, site, number, settings):
        self.number, self.port = number, free_port()
        self.name = f"node-{number}"
        self._site, self._settings = site, settings
        self._gate = Gate(site, self.name)
        self._asked = None
        self._killed = False
        self.starts = 0

    def start(self):
        """Starts a process that a terminal's Ctrl-C does not reach."""
        site = self._site
        environment = site.environment(
            **SETTINGS, **self._settings, ZIMAGE_PORT=str(self.port), ZIMAGE_NODE=self.name,
            ZIMAGE_PUBLIC_URL=f"http://127.0.0.1:{self.port}",
            ZIMAGE_DATABASE_URL=self._gate.url())
        self._killed = False
        self._asked = self._resume_at = None
        with open(f"{site.data}/{self.name}.log", "ab") as log:
            self._process = subprocess.Popen(  # pylint: disable=consider-using-with
                [f"{site.programs}/zserve"], env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True)
        self.starts += 1
        mark_running(site, self.port, self._process.pid)

    def kill(self):
        """SIGKILL, also while it is stopped."""
        self._killed = True
        self._process.kill()

    def ask_to_stop(self):
        """SIGTERM."""
        self._asked = self._asked or time.monotonic()
        self._process.terminate()

    def isolate(self, seconds):
        """Shuts it off from the database, also when it starts again meanwhile; `tend` lets it back."""
        self._gate.shut(seconds)

    def calm(self):
        """Ends what lasts."""
        self.resume()
        self._gate.open()

    def tend(self):
        """Resumes it when its time is over and starts it again when it ended; answers what should not have been."""
        now = time.monotonic()
        self._gate.tend(now)
        self.wake(now)
        code = self._process.poll()
        if code is None:
            return self._overdue(now)
        finding = self._judge(code)
        self.start()
        return finding

    def _overdue(self, now):
        if not self._asked or self._resume_at or now - self._asked < EXIT_SECONDS:
            return None
        self.kill()
        return f"{self.name} was asked to stop and still ran after {EXIT_SECONDS} s"

    def _judge(self, code):
        """Whether the process was entitled to end this way: by our signal."""
        if self._killed and code == -signal.SIGKILL:
            return None
        if self._asked and code in (0, -signal.SIGTERM):
            return None
        return f"{self.name} ended by itself with {code}; the end of its log: {self._log_end()}"

    def _log_end(self):
        with open(f"{self._site.data}/{self.name}.log", encoding="utf-8", errors="replace") as file:
            return file.read()[-2000:]


class Nodes:
    """All nodes, tended by a thread of their own."""

    def __init__(self, site, count, settings):
        self.all = [Node(site, number + 1, settings) for number in range(count)]
        self.findings = []
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._tending = threading.Thread(target=self._tend, daemon=True)

    def start(self):
        """Starts them; returns at once."""
        for node in self.all:
            node.start()
        self._tending.start()

    def _tend(self):
        while not self._ending.wait(0.02):
            with self._lock:
                self.findings += filter(None, [node.tend() for node in self.all])

    def suffer(self, fault):
        """Lets a fault of a node happen."""
        node = self.all[fault.node - 1]
        with self._lock:
            if fault.kind == "kill":
                node.kill()
            elif fault.kind == "ask":
                node.ask_to_stop()
            elif fault.kind == "stop":
                node.suspend(fault.seconds)
            elif fault.kind == "isolate":
                node.isolate(fault.seconds)

    def calm(self):
        """Ends every suspension and isolation."""
        with self._lock:
            for node in self.all:
                node.calm()

    def close(self):
        """Kills them all and lets none come back."""
        self._ending.set()
        if self._tending.is_alive():
            self._tending.join()
        for node in self.all:
            if node.starts:
                node.kill()


class Pulse(threading.Thread):
    """Knows when at least one node was there to answer: what must run again cannot while there is none."""

    GAP_SECONDS = 2  # Up to this, nobody was away; a round of questions may take that long.

    def __init__(self, nodes):
        super().__init__(daemon=True)
        self._nodes = nodes
        self._ending = threading.Event()
        self._beats = []  # In seconds since 1970, one after the other.

    def run(self):
        while not self._ending.wait(0.2):
            if any([self._answers(node) for node in self._nodes]):  # All of them, so that each round is alike.
                self._beats.append(time.time())

    @staticmethod
    def _answers(node):
        connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=0.5)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def alive_seconds(self, start, end):
        """How much of the time between two moments somebody was there."""
        gaps = [(a, b) for a, b in zip(self._beats, self._beats[1:]) if b - a > self.GAP_SECONDS]
        return end - start - sum(max(0, min(end, b) - max(start, a)) for a, b in gaps)

    def stop(self):
        """Asks no more."""
        self._ending.set()
        self.join()
