"""Which fault happens when: decided by the seed alone, before anything starts."""
import random
from dataclasses import dataclass

# How many of a hundred faults are of which kind, and what the kinds do.
KINDS = {
    "kill": (50, "SIGKILL of a node"),
    "stop": (12, "SIGSTOP of a node past its leases, then SIGCONT"),
    "cut": (8, "a node's database connections terminated"),
    "isolate": (8, "a node cut off from the database past its leases"),
    "ask": (8, "SIGTERM of a node, which must exit by itself"),
    "database": (6, "SIGKILL of PostgreSQL's postmaster"),
    "provider": (8, "SIGSTOP of a provider past a submit's time, then SIGCONT"),
}
WAIT_SECONDS = (0.9, 2.4)  # From one fault to the next with one node; with more of them there are as many more faults.
LAST_SECONDS = (3.3, 6.0)  # Longer than a lease, and than a submit waits for its answer.


@dataclass(frozen=True)
class Fault:
    """One fault: after how long a wait, what, to which node or provider, and how long it lasts where it does."""

    number: int
    wait_seconds: float
    kind: str
    node: int
    provider: int
    seconds: float

    def __str__(self):
        aim = {"database": "", "provider": f" {self.provider}"}.get(self.kind, f" node {self.node}")
        time = f" for {self.seconds:.1f} s" if self.kind in ("stop", "isolate", "provider") else ""
        return f"{self.number:4} after {self.wait_seconds:.3f} s: {self.kind}{aim}{time}"


def make_schedule(seed, count, nodes, providers):
    """The faults in their order. Each draws the same numbers whatever its kind, so a seed means one schedule."""
    dice = random.Random(f"schedule {seed}")
    shares = [share for share, _ in KINDS.values()]
    return [
        Fault(
            number,
            dice.uniform(*WAIT_SECONDS) / nodes,
            dice.choices(list(KINDS), shares)[0],
            dice.randrange(nodes) + 1,
            dice.randrange(providers) + 1,
            dice.uniform(*LAST_SECONDS),
        )
        for number in range(1, count + 1)
    ]
