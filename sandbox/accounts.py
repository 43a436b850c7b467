"""One business at ChumiAI, with the world that it starts with."""

import functools
import random
from collections import deque
from typing import Any

from sandbox import outcomes, seed
from sandbox.jobs import Job, RowError

Data = dict[str, Any]


class Account:
    """One business at ChumiAI: its templates, people, jobs and received messages."""

    def __init__(self, name: str, seed_number: int) -> None:
        self.name = name
        self.shape: str | None = None
        self._seed = f"{seed_number}:{name}"
        self.at_meta = {(t["name"], t["language"]): self._identified(t) for t in seed.templates()}
        self.listed = dict(self.at_meta)
        self.sync_ready_at: float | None = None
        self.jobs: dict[str, Job] = {}
        for past in seed.past_jobs(self._random("jobs")):
            self._add_past(past)
        self.failed_once: set[str] = set()
        self.calls: deque[float] = deque()
        self.inbound: list[Data] = []

    @functools.cached_property
    def contacts(self) -> dict[str, Data]:
        return {c["id"]: c for c in seed.contacts(self._random("contacts"))}

    @functools.cached_property
    def groups(self) -> dict[str, Data]:
        found = seed.groups(self._random("groups"), list(self.contacts.values()))
        return {group["id"]: group for group in found}

    @functools.cached_property
    def groups_of(self) -> dict[str, list[Data]]:
        found: dict[str, list[Data]] = {}
        for group in self.groups.values():
            for member in group["members"]:
                found.setdefault(member, []).append({"id": group["id"], "name": group["name"]})
        return found

    def fill(self, contacts: int, groups: int) -> None:
        """Put another address book in the place of the one that it started with."""
        people = seed.many_contacts(contacts)
        self.contacts = {person["id"]: person for person in people}
        self.groups = {group["id"]: group for group in seed.many_groups(groups, people)}
        self.__dict__.pop("groups_of", None)

    def set_group(self, name: str, people: list[Data]) -> str:
        """Add a group with people of its own, or give one of that name others. Return its id."""
        group_id = self._random(f"group {name}").randbytes(12).hex()
        known = next((g for g in self.groups.values() if g["name"] == name), None)
        for number, person in enumerate(people):
            contact = seed.contact(f"{group_id}-{number}", **person)
            self.contacts[contact["id"]] = contact
        members = [f"{group_id}-{number}" for number in range(len(people))]
        group = known or {"id": group_id, "name": name, "description": None, "days_ago": 1}
        self.groups[group["id"]] = group | {"members": members}
        self.__dict__.pop("groups_of", None)
        return str(group["id"])

    def set_template(self, template: Data) -> None:
        """Add or replace a template at Meta; the list shows it after a sync."""
        self.at_meta[template["name"], template["language"]] = self._identified(template)

    def _identified(self, template: Data) -> Data:
        rng = self._random(f"{template['name']}/{template['language']}")
        return {"id": str(rng.randrange(10**14, 10**15)), **template}

    def _add_past(self, past: seed.PastJob) -> None:
        number = len(self.jobs)
        errors = [
            RowError(at, at + 2, f"23324{number:03d}{at:04d}", code, outcomes.TITLES[code])
            for at, code in past.failures
        ]
        job = Job(
            id=f"{self._random(f'job {number}').getrandbits(96):024x}",
            template=past.template,
            language=past.language,
            file_name=past.file_name,
            total=past.total,
            made_at=-float(past.seconds_ago),
            errors=errors,
        )
        self.jobs[job.id] = job

    def _random(self, purpose: str) -> random.Random:
        return random.Random(f"{self._seed}:{purpose}")
