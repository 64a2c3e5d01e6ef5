"""The proof after the storm: what must hold, whatever happened. Each check yields its findings and notes a figure."""
import concurrent.futures
import json
import os
import statistics
import time

from storm.bills import Bills
from storm.site import LEASE_SECONDS, Trouble

DRAIN_SECONDS = 180
RERUN_SECONDS_MAX = 30
PRICE_MICRO = 26_000
FINDINGS_MAX = 5  # Shown of each check.


class Proof:
    """What is known of the storm from all sides."""

    def __init__(self, site, load, customer, watcher, providers, pulse):
        self._site, self._load, self._customer, self._watcher, self._providers = site, load, customer, watcher, providers
        self._pulse = pulse
        self._seen = {}  # An order's key -> its task as the API shows it at last.
        self._tasks = {}  # An order's key -> its task's row.
        self.lines = []
        self.findings = []

    def drain(self):
        """Waits until nothing waits or runs, every callback is delivered and the fate of every submit to a provider is known or
        given up; answers how long that took."""
        began = time.monotonic()
        left = "select json_build_array((select count(*) from tasks where finished_at is null),"
        left += " (select count(*) from callbacks where state <> 'delivered'),"
        left += " (select count(*) from provider_submits where state in ('intended', 'unknown', 'accepted')))"
        # A callback that failed four times waits five minutes and more; nobody here waits for that.
        hurry = "with due as (update callbacks set next_at = clock_timestamp()"
        hurry += " where state = 'waiting' and next_at > clock_timestamp() + interval '60 seconds' returning 1)"
        hurry += " select count(*) from due"
        while (counts := self._site.ask(left)) != [0, 0, 0]:
            self._site.ask(hurry)
            if time.monotonic() - began > DRAIN_SECONDS:
                self.findings.append(
                    f"after {DRAIN_SECONDS} s {counts[0]} tasks are not final, {counts[1]} callbacks not delivered,"
                    f" {counts[2]} submits open")
                break
            time.sleep(0.5)
        return time.monotonic() - began

    def run(self):
        """Every check in its turn."""
        self._look()
        for name, check in (
            ("ledger", self._ledger), ("acknowledged tasks", self._acknowledged), ("one task per key", self._keys),
            ("one end per task", self._ends), ("balances", self._balances), ("grants", self._grants),
            ("pictures", self._pictures), ("callbacks", self._callbacks), ("re-runs", self._reruns),
            ("hand-backs", self._handbacks), *Bills(self._site, self._load, self._providers).checks(),
        ):
            found, figure = check()
            self.lines.append(f"{'FAILED' if found else 'ok':8}{name:20}{figure}")
            self.findings += [f"{name}: {text}" for text in found[:FINDINGS_MAX]]
            if len(found) > FINDINGS_MAX:
                self.findings.append(f"{name}: and {len(found) - FINDINGS_MAX} more")

    def _look(self):
        """Reads every order's task, as the customer sees it and as the database has it."""
        accepted = [order for order in self._load.orders if order.accepted]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            self._seen = dict(pool.map(self._look_at, accepted))
        rows = self._site.rows(
            "select i.key, t.id, t.images, c.id callback, a.lease from idempotency i join tasks t on t.id = i.task_id"
            " left join callbacks c on c.task_id = t.id left join attempts a on a.task_id = t.id and a.outcome = 'completed'")
        self._tasks = {row["key"]: row for row in rows}

    def _look_at(self, order):
        task = json.loads(order.accepted[0])["id"]
        node = self._load.nodes[hash(order.key) % len(self._load.nodes)]
        for _ in range(10):
            status, body = self._load.send(node, "GET", f"/v1/tasks/{task}", order.account.key)
            if status == 200:
                return order.key, json.loads(body)
            if status == 404:
                break
            time.sleep(0.5)
        return order.key, None

    def _ledger(self):
        try:
            self._site.zadmin("reconcile ledger")
        except Trouble as trouble:
            return [str(trouble)], "drift"
        count = self._site.ask("select count(*) from entries")
        return [], f"zadmin reconcile ledger is clean over {count} entries"

    def _acknowledged(self):
        found = []
        for order in self._load.orders:
            task = self._seen.get(order.key)
            if order.accepted and task is None:
                found.append(f"{order.key} was accepted and is not there")
            elif order.accepted and task["status"] not in ("completed", "failed"):
                found.append(f"{order.key} is {task['status']}")
        states = [task["status"] for task in self._seen.values() if task]
        return found, f"{len(states)} are there: {states.count('completed')} completed, {states.count('failed')} failed"

    def _keys(self):
        found, answers = [], 0
        for order in self._load.orders:
            answers += len(order.accepted)
            if len(set(order.accepted)) > 1:
                found.append(f"{order.key} was answered differently: {set(order.accepted)}")
            if order.accepted and order.refused:
                found.append(f"{order.key} was both accepted and refused")
            if bool(order.accepted) != (order.key in self._tasks):
                found.append(f"{order.key} was {'accepted' if order.accepted else 'refused'}, the database says otherwise")
        count = self._site.ask("select count(*) from tasks")
        if count != len(self._tasks):
            found.append(f"{count} tasks for {len(self._tasks)} keys")
        return found, f"{count} tasks for {len(self._tasks)} keys, accepted {answers} times in the same words"

    def _ends(self):
        rows = self._site.rows(
            "select t.id, t.state, count(e.kind) filter (where e.kind = 'settle') settles,"
            " count(e.kind) filter (where e.kind = 'refund') refunds"
            " from tasks t left join entries e on e.task_id = t.id group by t.id")
        expected = {"completed": (1, 0), "failed": (0, 1)}
        found = [
            f"task {row['id']} is {row['state']} with {row['settles']} settles and {row['refunds']} refunds"
            for row in rows if (row["settles"], row["refunds"]) != expected.get(row["state"])
        ]
        # An attempt that was counted as lost and ended its task all the same had no right to.
        twice = self._site.rows("select lease from attempts group by lease having count(*) > 1")
        found += [f"lease {row['lease']} ended two attempts" for row in twice]
        settles = sum(row["settles"] for row in rows)
        return found, f"{settles} settles and {sum(row['refunds'] for row in rows)} refunds for {len(rows)} tasks"

    def _balances(self):
        found, spent = [], 0
        for account in self._load.accounts:
            own = [order for order in self._load.orders if order.account is account]
            used = PRICE_MICRO * sum((self._seen.get(order.key) or {}).get("status") == "completed" for order in own)
            balance = self._site.zadmin_json(f"credits balance --account {account.name}")
            has = {word: round(float(balance[word]) * 1_000_000) for word in ("available", "reserved", "granted", "settled")}
            should = {
                "available": account.granted_micro - used, "reserved": 0, "granted": account.granted_micro, "settled": used,
            }
            if has != should:
                found.append(f"{account.name} has {has}, should have {should}")
            spent += used
        return found, f"{len(self._load.accounts)} wallets: granted - completed x 0.026 = available; spent {spent / 1e6:.3f}"

    def _grants(self):
        count = self._site.ask("select count(*) from admin_requests where key like 'grant-%'")
        lines = self._site.ask("select count(*) from audit_log where command = 'credits grant'")
        entries = self._site.ask("select count(*) from entries where kind = 'grant' and wallet_id in"
                                 " (select id from wallets where mode = 'live')")
        found = [] if lines == entries else [f"{entries} grants in the ledger, {lines} in the audit log"]
        return found, f"{count} repeated commands, {entries} grants in ledger and audit log"

    def _pictures(self):
        found, paths = [], []
        for task in self._tasks.values():
            own = [image["path"] for image in task["images"] or []]
            paths += own
            # The name of a picture begins with the lease of the attempt that made it.
            found += [f"{path} is not of lease {task['lease']}" for path in own if f"/{task['lease']}-" not in path]
        found += [f"{path} is gone" for path in paths if not os.path.exists(f"{self._site.data}/images/{path}")]
        links = [task["results"][0] for task in self._seen.values() if task and task["status"] == "completed"][:100]
        for link in links:
            node = next(node for node in self._load.nodes if f":{node.port}/" in link)
            status, body = self._load.send(node, "GET", "/" + link.split("/", 3)[3], "")
            if status != 200 or body[8:12] != b"WEBP":
                found.append(f"{link} answers {status}")
        return found, f"{len(paths)} are stored, {len(links)} links tried"

    def _callbacks(self):
        found, calls = [], 0
        owed = [order for order in self._load.orders if order.callback and order.accepted]
        for order in owed:
            heard = self._customer.heard.get(order.key, [])
            calls += len(heard)
            task, row = self._seen.get(order.key), self._tasks.get(order.key)
            if order.key not in self._customer.thanked:
                found.append(f"the customer never took the callback of {order.key}")
            if task and row and {name for name, _ in heard} - {f"callback-{row['callback']}"}:
                found.append(f"{order.key} was called back under other ids than callback-{row['callback']}: {heard}")
            if task and any((body["id"], body["status"]) != (task["id"], task["status"]) for _, body in heard):
                found.append(f"{order.key} was called back with another task or state than {task['status']}")
        strangers = set(self._customer.heard) - {order.key for order in owed}
        found += [f"{key} was called back and should not have been" for key in strangers]
        return found, f"{len(owed)} delivered in {calls} calls, one id each"

    def _reruns(self):
        """From a lost lease's end to the start of the next attempt, or to the end of a task that had too many."""
        rows = self._site.rows(
            "select a.lease, extract(epoch from a.started_at) began, extract(epoch from coalesce(b.started_at, a.ended_at)) next"
            " from attempts a left join attempts b on b.task_id = a.task_id and b.number = a.number + 1"
            " join tasks t on t.id = a.task_id"
            " where a.outcome = 'lost' or (a.outcome = 'failed' and t.error_message like '%in several attempts%')")
        spans = [(self._watcher.until.get(row["lease"], row["began"] + LEASE_SECONDS), row["next"]) for row in rows]
        waits = [self._pulse.alive_seconds(*span) for span in spans]
        found = [f"lease {row['lease']}: {wait:.1f} s" for row, wait in zip(rows, waits) if wait > RERUN_SECONDS_MAX]
        if not waits:
            return found, "no lease was lost"
        return found, (
            f"{len(waits)} leases were lost; from the end of the lease to the next attempt {statistics.median(waits):.1f} s in the"
            f" median, {max(waits):.1f} s at most, without the time when no node answered; with it"
            f" {max(end - start for start, end in spans):.1f} s at most")

    def _handbacks(self):
        """From the end of an attempt that a stopping node handed back, or that waited for a provider, to the next one."""
        rows = self._site.rows(
            "select a.lease, extract(epoch from a.ended_at) ended, extract(epoch from b.started_at) next"
            " from attempts a left join attempts b on b.task_id = a.task_id and b.number = a.number + 1"
            " where a.outcome = 'handed_back'")
        found = [f"lease {row['lease']} was handed back and never claimed again" for row in rows if row["next"] is None]
        waits = {row["lease"]: self._pulse.alive_seconds(row["ended"], row["next"]) for row in rows if row["next"] is not None}
        found += [f"lease {lease}: {wait:.1f} s" for lease, wait in waits.items() if wait > RERUN_SECONDS_MAX]
        return found, f"{len(rows)} leases were handed back; to the next attempt {max(waits.values(), default=0):.1f} s at most"
