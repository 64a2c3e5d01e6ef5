"""What was paid for, from both sides: the providers' books and invoices, and what the installation wrote down."""
import datetime
import json
from collections import Counter

EXPLAINED = ("billed_unknown", "not_billed")  # What a submit whose answer never came may lead to.


class Bills:
    """Checks for the proof; each answers its findings and a figure."""

    def __init__(self, site, load, providers):
        self._site = site
        self._providers = [provider for provider in providers.all if provider.play.costs]
        self._keys = {json.loads(order.body)["prompt"]: order.key for order in load.orders}
        self._key_of_task = {json.loads(order.accepted[0])["id"]: order.key for order in load.orders if order.accepted}
        self._submits = site.rows(
            "select i.key, p.name provider, s.state, s.provider_task_id id, coalesce(s.cost, 0) cost from provider_submits s"
            " join providers p on p.id = s.provider_id join idempotency i on i.task_id = s.task_id")
        self._books = {provider.play.name: provider.book()["submits"] for provider in providers.all}

    def checks(self):
        """Their names and themselves."""
        return ("paid once", self._once), ("charges known", self._known), ("costs certain", self._certain), ("invoices", self._invoices)

    def _paid(self, name):
        """The jobs that a provider charges for: its id and whose it is."""
        return {
            entry["id"]: self._keys.get(entry["prompt"]) for entry in self._books[name] if entry["charged"] and entry["amount"] != "0"}

    def _once(self):
        paid = Counter(key for provider in self._providers for key in self._paid(provider.play.name).values())
        found = [f"{key} was paid {count} times" for key, count in paid.items() if count > 1 or key is None]
        outcomes = Counter(entry["outcome"] for book in self._books.values() for entry in book)
        words = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
        return found, f"{len(paid)} jobs were paid once each, of {sum(outcomes.values())} submits at the providers: {words}"

    def _known(self):
        found, by_id, possible = [], 0, 0
        for provider in self._providers:
            name = provider.play.name
            states = {submit["id"]: submit["state"] for submit in self._submits if submit["provider"] == name}
            for number, key in self._paid(name).items():
                if states.get(number) in ("made", "abandoned"):
                    by_id += 1
                elif self._is_possible(name, key):
                    possible += 1
                else:
                    found.append(f"{name} charges {number} for {key}, which is written down as {states.get(number)}")
        return found, f"{by_id} charges are known by their ids, {possible} as possible costs"

    def _is_possible(self, name, key):
        """Whether a submit for the order was given up without an answer, so that what it costs was never told."""
        return any(
            submit["key"] == key and submit["provider"] == name and submit["state"] == "abandoned" and submit["id"] is None
            for submit in self._submits)

    def _certain(self):
        paid = {(provider.play.name, number) for provider in self._providers for number in self._paid(provider.play.name)}
        made = [submit for submit in self._submits if submit["state"] == "made" and submit["cost"] > 0]
        found = [
            f"{submit['provider']} made {submit['id']} for {submit['key']} by our book, and never charged it"
            for submit in made if (submit["provider"], submit["id"]) not in paid]
        states = Counter(submit["state"] for submit in self._submits)
        found += [f"{states[state]} submits are still {state}" for state in ("intended", "unknown", "accepted") if states[state]]
        words = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        return found, f"{len(made)} pictures that cost were charged, of {len(self._submits)} submits written down: {words}"

    def _invoices(self):
        found, agreed, explained = [], 0, Counter()
        today = datetime.datetime.now(datetime.timezone.utc).date()
        period = f"--from {today - datetime.timedelta(days=1)} --to {today + datetime.timedelta(days=2)}"
        for provider in self._providers:
            play = provider.play
            line = f"reconcile provider {play.name} --invoice {provider.invoice()} {period}"
            result = self._site.zadmin_json(line, codes=(0, 1))
            agreed += result["agreed"]
            for finding in result["findings"]:
                if self._explains(play.name, finding):
                    explained[finding["kind"]] += 1
                else:
                    found.append(f"{play.name}: {finding}")
        words = ", ".join(f"{explained[kind]} {kind.replace('_', ' ')}" for kind in EXPLAINED)
        return found, f"{agreed} lines agree; by submits without an answer: {words}"

    def _explains(self, name, finding):
        """Whether a submit without an answer is the reason of what is off."""
        number = finding["provider_task"]
        if finding["kind"] == "billed_unknown":
            return self._is_possible(name, self._paid(name).get(number))
        key = self._key_of_task.get(finding["task"])
        return finding["kind"] == "not_billed" and any(
            submit["key"] == key and submit["provider"] == name and submit["state"] == "abandoned" and submit["id"] == number
            for submit in self._submits)
