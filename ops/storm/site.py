"""The installation under test: its folder, its PostgreSQL cluster, and zadmin."""
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time

LEASE_SECONDS = 3
SETTINGS = {
    "ZIMAGE_LEASE_SECONDS": str(LEASE_SECONDS),
    "ZIMAGE_GRACE_SECONDS": "1",
    "ZIMAGE_SANDBOX_SECONDS": "0.2",
    "ZIMAGE_SANDBOX_FAILURE_PERCENT": "10",
    "ZIMAGE_LOG_LEVEL": "warning",
}


class Trouble(Exception):
    """The storm cannot go on; the text says why."""


class Away(Exception):
    """The database did not answer."""


class Site:
    """A data folder with everything in it. Only one storm at a time works in a folder."""

    def __init__(self, root, data, programs):
        self.root, self.data, self.programs = root, os.path.abspath(data), programs
        os.makedirs(os.path.dirname(self.data), exist_ok=True)
        self._lock = open(f"{self.data}.lock", "w", encoding="utf-8")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Trouble(f"another ops/chaos works in {self.data}: choose another folder with --data") from None
        self.url = ""
        self.outages = []  # How long it took to start again after each kill, in seconds.

    def start(self):
        """Removes what a killed storm left, builds where no programs were named, and starts a new database."""
        self.remove()
        if self.programs:
            os.makedirs(self.data, mode=0o755)
            # So that `ops/dev down` finds them, should this storm be killed.
            with open(f"{self.data}/programs", "w", encoding="utf-8") as file:
                file.write(self.programs)
        else:
            self._run([f"{self.root}/ops/dev", "up", "--no-server", "--data", self.data], os.environ)
            with open(f"{self.data}/programs", encoding="utf-8") as file:
                self.programs = file.read().strip()
        self._start_database()
        self.zadmin("migrate")

    def _start_database(self):
        self.url = self._run([f"{self.programs}/zserve", "database", "start", "--data", self.data]).strip()

    def environment(self, **more):
        """What a program of this installation is started with. Other migrations than those beside the programs let one
        see what the proof says about broken rules."""
        own = {"PATH": os.environ["PATH"], "HOME": "/", "ZIMAGE_DATA": self.data}
        if "ZIMAGE_MIGRATIONS" in os.environ:
            own["ZIMAGE_MIGRATIONS"] = os.environ["ZIMAGE_MIGRATIONS"]
        if self.url:
            own["ZIMAGE_DATABASE_URL"] = self.url
        return own | more

    def _run(self, words, environment=None, told=None, codes=(0,)):
        done = subprocess.run(
            words, env=environment or self.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            input=told, stdin=subprocess.DEVNULL if told is None else None, start_new_session=True, check=False)
        if done.returncode not in codes or (done.returncode and not done.stdout):
            raise Trouble(f"{' '.join(words)} ended with {done.returncode}:\n{done.stderr or done.stdout}")
        return done.stdout

    def zadmin(self, line, told=None, codes=(0,)):
        """Runs a line of zadmin that must succeed, or end with one of the codes; answers its output."""
        return self._run([f"{self.programs}/zadmin", *line.split()], told=told, codes=codes)

    def zadmin_json(self, line, codes=(0,)):
        """The same, with its answer as JSON."""
        return json.loads(self.zadmin(f"{line} --json", codes=codes))

    def ask(self, sql):
        """The one JSON value that a query answers, with the owner's rights."""
        done = subprocess.run(
            ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", self.url, "-c", sql], env=self.environment(),
            capture_output=True, text=True, timeout=60, check=False)
        if done.returncode:
            raise Away(done.stderr.strip())
        return json.loads(done.stdout or "null")

    def rows(self, sql):
        """The rows of a query, as dictionaries."""
        return self.ask(f"select coalesce(json_agg(q), '[]') from ({sql}) q")

    def cut(self, node):
        """Terminates the database connections of a node."""
        try:
            self.ask(f"select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = '{node}'")
        except Away:
            pass  # Then they are cut already.

    def kill_database(self):
        """Kills the postmaster and starts the cluster again; ends when it accepts connections."""
        with open(f"{self.data}/postgres/data/postmaster.pid", encoding="utf-8") as file:
            postmaster = int(file.readline())
        killed = time.monotonic()
        os.kill(postmaster, signal.SIGKILL)
        # On a busy machine it takes a moment to die, and would be taken for a running one.
        while time.monotonic() - killed < 10 and not has_ended(postmaster):
            time.sleep(0.01)
        self._start_database()
        self.outages.append(time.monotonic() - killed)

    def remove(self):
        """Stops whatever runs in the folder and removes it."""
        if os.path.exists(f"{self.data}/programs"):
            self._run([f"{self.root}/ops/dev", "down", "--data", self.data], os.environ)
        # Where the cluster's user cannot enter the folder, the cluster lies elsewhere.
        cluster = os.path.realpath(f"{self.data}/postgres")
        shutil.rmtree(self.data, ignore_errors=True)
        if os.path.isdir(cluster):
            shutil.rmtree(cluster)

    def close(self, keep):
        """Leaves nothing behind but, where it is wanted, the stopped installation with its logs."""
        if keep:
            self._run([f"{self.root}/ops/dev", "down", "--data", self.data], os.environ)
        else:
            self.remove()
        os.unlink(self._lock.name)
        self._lock.close()


def free_port():
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def mark_running(site, port, pid):
    """Notes a process and when it started as ops/common does, so that `ops/dev down` ends it should this storm be killed."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        started = file.read().rpartition(") ")[2].split()[19]
    with open(f"{site.data}/zserve-{port}.pid", "w", encoding="utf-8") as file:
        file.write(f"{pid} {started}\n")


def has_ended(pid):
    """Whether a process is dead; one that nobody has buried yet is."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


class Watcher(threading.Thread):
    """Looks at leases and at the work that is left, twice a second."""

    def __init__(self, site):
        super().__init__(daemon=True)
        self._site = site
        self._ending = threading.Event()
        self.until = {}  # When each lease ended, as last seen, in seconds since 1970.
        self.backlog = 0

    def run(self):
        while not self._ending.wait(0.5):
            try:
                seen = self._site.ask(
                    "select json_build_object('leases', (select coalesce(json_object_agg(lease, extract(epoch from until)),"
                    " '{}') from leases), 'backlog', (select count(*) from queue) + (select count(*) from leases))")
            except Away:
                continue
            self.until.update({int(lease): until for lease, until in seen["leases"].items()})
            self.backlog = seen["backlog"]

    def stop(self):
        self._ending.set()
        self.join()
