"""A column of one sentence, stored with its values apart so that every page translates it."""

import json
from typing import Any

from django.db import models

from core.sentences import from_json, to_json


class SentenceField(models.TextField):  # type: ignore[type-arg]
    """Holds a `Sentence` or a plain sentence; '' for none. Show it with `formats.sentence`."""

    def from_db_value(self, value: str | None, *args: Any) -> str | None:
        return from_json(json.loads(value)) if value else value

    def get_prep_value(self, value: Any) -> Any:
        return json.dumps(to_json(value)) if value else ""
