"""One business at ChumiAI: its templates, people, jobs and received messages."""

import functools
import random
from collections import deque
from typing import Any

from sandbox import outcomes, seed
from sandbox.jobs import Job, RowError

Data = dict[str, Any]


class Account:
    """One business at ChumiAI; the seed and its name decide what it starts with.

    Moments are in seconds of the sandbox's clock.
    """

    def __init__(self, name: str, seed_number: int) -> None:
        self.name = name
        self.shape: str | None = None
        self._seed = f"{seed_number}:{name}"
        self.at_meta = {(t["name"], t["language"]): self._with_id(t) for t in seed.templates()}
        self.listed = dict(self.at_meta)
        # Templates that the list shows beside one of the same name and language.
        self.twins: list[tuple[str, Data]] = []
        self.sync_ready_at: float | None = None
        self.jobs: dict[str, Job] = {}
        for past in seed.past_jobs(self._random("jobs")):
            self._add_past(past)
        self.failed_once: set[str] = set()
        self.calls: deque[float] = deque()
        self.inbound: list[Data] = []

    def take_call(self, now: float, *, per_second: int) -> bool:
        """Count a request at a moment in real seconds; False if the second is full."""
        while self.calls and self.calls[0] <= now - 1:
            self.calls.popleft()
        if len(self.calls) >= per_second:
            return False
        self.calls.append(now)
        return True

    # Templates

    def list_templates(self, now: float) -> list[Data]:
        """Return the templates that the list shows, after any sync that is ready."""
        if self.sync_ready_at is not None and now >= self.sync_ready_at:
            self.listed, self.sync_ready_at = dict(self.at_meta), None
        before = [twin for place, twin in self.twins if place == "before"]
        after = [twin for place, twin in self.twins if place == "after"]
        return [*before, *self.listed.values(), *after]

    def sync_templates(self) -> Data:
        """Copy the templates at Meta into the list; return the counts."""
        before, self.listed = self.listed, dict(self.at_meta)
        both = before.keys() & self.listed.keys()
        return {
            "synced": len(self.listed),
            "created": len(self.listed.keys() - before.keys()),
            "updated": sum(before[key] != self.listed[key] for key in both),
            "removed": len(before.keys() - self.listed.keys()),
            "total": len(self.listed),
        }

    def set_template(self, template: Data, *, listed: bool = False) -> Data:
        """Add or replace a template at Meta and return it.

        The list shows it after a sync, or at once if it is `listed`.
        """
        identity, made = (template["name"], template["language"]), self._with_id(template)
        self.at_meta[identity] = made
        if listed:
            self.listed[identity] = made
        return made

    def body_of(self, name: str, language: str) -> str:
        """Return the text of a template at Meta, '' if there is none."""
        template = self.at_meta.get((name, language)) or {}
        parts = template.get("components", ())
        return next((part["text"] for part in parts if part.get("type") == "BODY"), "")

    def add_twin(self, template: Data, place: str) -> None:
        """Let the list show another template of the same name before or after the real one."""
        self.twins.append((place, {"id": str(10**15 + len(self.twins)), **template}))

    # Contacts and groups

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

    def search_contacts(self, text: str) -> list[Data]:
        """Return the contacts whose name or phone holds the text; all for an empty text."""
        wanted = text.lower()
        return [
            contact
            for contact in self.contacts.values()
            if not wanted
            or wanted in (contact["name"] or "").lower()
            or wanted in contact["phone"]
        ]

    def fill(self, contacts: int, groups: int) -> None:
        """Replace the address book by a new one of this size."""
        people = seed.many_contacts(contacts)
        self.contacts = {person["id"]: person for person in people}
        self.groups = {group["id"]: group for group in seed.many_groups(groups, people)}
        self.__dict__.pop("groups_of", None)

    def set_group(self, name: str, people: list[Data]) -> str:
        """Add a group, or replace the members of the one with this name. Return its id."""
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

    # Messages from customers

    def receive(self, event: Data, at: float, more: Data | None = None) -> None:
        """Add an inbound message to the history; `more` has further fields to show."""
        self.inbound.append(
            {
                "id": event["id"],
                "phone": event["from"],
                "text": event["text"],
                "made_at": at,
                "more": more or {},
            }
        )

    # What it starts with

    def _with_id(self, template: Data) -> Data:
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
