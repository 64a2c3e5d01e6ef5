"""Which fault happens when: decided by the seed alone, before anything starts."""
import random
from dataclasses import dataclass

# How many of a hundred faults are of which kind, and what the kinds do.
KINDS = {
    "kill": (60, "SIGKILL of a node"),
    "stop": (12, "SIGSTOP of a node past its leases, then SIGCONT"),
    "cut": (14, "a node's database connections terminated"),
    "ask": (8, "SIGTERM of a node, which must exit by itself"),
    "database": (6, "SIGKILL of PostgreSQL's postmaster"),
}
WAIT_SECONDS = (0.3, 0.8)
STOP_SECONDS = (1.1, 2.0)  # Times a lease.


@dataclass(frozen=True)
class Fault:
    """One fault: after how long a wait, what, to which node, and for how many leases a stop lasts."""

    number: int
    wait_seconds: float
    kind: str
    node: int
    stop_leases: float

    def __str__(self):
        aim = "" if self.kind == "database" else f" node {self.node}"
        time = f" for {self.stop_leases:.2f} leases" if self.kind == "stop" else ""
        return f"{self.number:4} after {self.wait_seconds:.3f} s: {self.kind}{aim}{time}"


def make_schedule(seed, count, nodes):
    """The faults in their order. Each draws the same numbers whatever its kind, so a seed means one schedule."""
    dice = random.Random(f"schedule {seed}")
    shares = [share for share, _ in KINDS.values()]
    return [
        Fault(
            number,
            dice.uniform(*WAIT_SECONDS),
            dice.choices(list(KINDS), shares)[0],
            dice.randrange(nodes) + 1,
            dice.uniform(*STOP_SECONDS),
        )
        for number in range(1, count + 1)
    ]
