"""Templates, and the answer to a sync of them."""

from __future__ import annotations

from collections.abc import Iterator

from chumi_api.parsing.envelopes import levels
from chumi_api.parsing.jobs import STATES
from chumi_api.parsing.json_values import (
    JSON,
    Object,
    Path,
    aliases,
    as_bool,
    as_count,
    as_id,
    as_name,
    as_string,
    as_text,
    constant,
    first,
    fold,
    load,
    pick,
    word_set,
)
from chumi_api.types import JobState, SyncResult, Template

# --- Assumed ----------------------------------------------------------------------------------

TEMPLATE_NAMES = ("templates", "template", "messageTemplates")
TEMPLATE_ID = aliases(
    "id _id templateId metaTemplateId hsm_id message_template_id wabaTemplateId uuid key"
)
TEMPLATE_NAME = aliases("name templateName elementName")
LANGUAGE = aliases("language language.code languageCode lang locale")
TEMPLATE_STATUS = aliases("status templateStatus approvalStatus state")
CATEGORY = aliases("category templateCategory type")
COMPONENTS = aliases("components template.components metaTemplate.components structure")
PARAMETER_FORMAT = aliases("parameter_format")
QUALITY = aliases("quality_score.score qualityScore qualityScore.score quality quality.score")
REJECTED_REASON = aliases("rejected_reason reason")
HEADER_TEXT = aliases("header header.text headerText")
HEADER_FORMAT = aliases("headerType headerFormat header.format header.type")
HEADER_URL = aliases("headerMediaUrl headerUrl header.url header.mediaUrl")
BODY_TEXT = aliases("body body.text bodyText content text message")
FOOTER_TEXT = aliases("footer footer.text footerText")
BUTTONS = aliases("buttons buttonList ctaButtons")
HEADER_FORMATS = ("TEXT", "IMAGE", "VIDEO", "DOCUMENT", "LOCATION")
# The keys of a component that our own code reads, in Meta's spelling.
COMPONENT_KEYS = {
    fold(key): key
    for key in word_set(
        "type format text example buttons cards components url phone_number otp_type"
        " limited_time_offer body_text body_text_named_params header_text"
        " header_text_named_params header_handle param_name"
    )
}

SYNC_TOTAL = aliases("synced count templatesSynced total")
SYNC_CREATED = aliases("created added new createdCount")
SYNC_UPDATED = aliases("updated changed updatedCount")
SYNC_REMOVED = aliases("removed deleted removedCount")
SYNC_BUSY = aliases("is_syncing inProgress")


def parse_template(item: JSON) -> Template | None:
    """Read one template; None without a name."""
    name = pick(item, TEMPLATE_NAME, as_name)
    if name is None:
        return None
    # A text of any length counts: a status that is too long must not pass for a missing one.
    status = pick(item, TEMPLATE_STATUS, as_text)
    return Template(
        name=name,
        language=pick(item, LANGUAGE, as_text) or "",
        remote_id=pick(item, TEMPLATE_ID, as_id),
        status=constant(status) or "APPROVED",
        status_assumed=status is None,
        category=constant(pick(item, CATEGORY, as_text)),
        components=_components(item),
        parameter_format=constant(pick(item, PARAMETER_FORMAT, as_text)) or "POSITIONAL",
        quality=constant(pick(item, QUALITY, as_name)) or "UNKNOWN",
        rejected_reason=(pick(item, REJECTED_REASON, as_text) or "")[:500],
        raw=item,
    )


def _components(item: Object) -> tuple[Object, ...]:
    """Return the components, with a flattened header, body, footer and buttons folded in."""
    given = pick(item, COMPONENTS, _component_list)
    components = [_component(value) for value in given or []]
    if given is None and pick(item, COMPONENTS, lambda value: value or None):
        # Components in a form that we can't read must not pass for a template without any.
        components = [_component(None)]
    present = {component["type"] for component in components}
    for component in _flattened(item):
        if component["type"] not in present:
            components.append(component)
    order = {"HEADER": 0, "BODY": 1, "FOOTER": 2, "BUTTONS": 3}
    if given is None:
        components.sort(key=lambda component: order.get(component["type"], 4))
    return tuple(components)


def _component_list(value: JSON) -> list[JSON] | None:
    """Return components given as a list, as JSON in a text, or as {"0": …, "1": …}."""
    if isinstance(value, str):
        value = load(value)
    if isinstance(value, dict) and value and all(key.isdigit() for key in value):
        value = [value[key] for key in sorted(value, key=lambda key: (len(key), key))]
    return value if isinstance(value, list) and value else None


def _component(given: JSON, missing: str = "UNKNOWN") -> Object:
    """Spell a component as Meta does; one that can't be read is kept as UNKNOWN."""
    if not isinstance(given, dict):
        return {"type": "UNKNOWN", "text": as_text(given) or ""}
    component: Object = {}
    for key, value in given.items():
        component.setdefault(COMPONENT_KEYS.get(fold(str(key)), str(key)), value)
    component["type"] = constant(pick(component, aliases("type"), as_name)) or missing
    if "format" in component:
        component["format"] = constant(as_name(component["format"]))
    elif component["type"] == "HEADER":
        component["format"] = "TEXT" if as_text(component.get("text")) else "UNKNOWN"
    if "text" in component:
        component["text"] = as_text(component["text"]) or ""
    if isinstance(component.get("example"), dict):
        example = component["example"].items()
        component["example"] = {COMPONENT_KEYS.get(fold(k), k): v for k, v in example}
    for nested in ("buttons", "cards", "components"):
        if nested in component:
            values = _component_list(component[nested]) or []
            missing = "CARD" if nested == "cards" else "UNKNOWN"
            component[nested] = [_component(inner, missing) for inner in values]
    return component


def _flattened(item: Object) -> Iterator[Object]:
    """Yield the components that are plain fields of the template."""
    form = constant(pick(item, HEADER_FORMAT, as_name))
    text = pick(item, HEADER_TEXT, as_string)
    url = pick(item, HEADER_URL, as_string)
    # A bare `header: "IMAGE"` names the format, not the text.
    if text and not form and constant(text) in HEADER_FORMATS:
        form, text = constant(text), None
    if form not in ("", "NONE") or text or url:
        header: Object = {"type": "HEADER", "format": form or ("TEXT" if text else "UNKNOWN")}
        if text and header["format"] == "TEXT":
            header["text"] = text
        if url:
            header["example"] = {"header_handle": [url]}
        yield header
    if body := pick(item, BODY_TEXT, as_string):
        yield {"type": "BODY", "text": body}
    if footer := pick(item, FOOTER_TEXT, as_string):
        yield {"type": "FOOTER", "text": footer}
    if buttons := pick(item, BUTTONS, _component_list):
        yield {"type": "BUTTONS", "buttons": [_component(button) for button in buttons]}


def parse_sync(body: JSON, *, status: int) -> SyncResult:
    """Read the answer to a sync; HTTP 202, or a status for waiting, means that it is queued."""
    found = levels(body, ("templates", "sync"))[::-1]

    def count(paths: tuple[Path, ...]) -> int | None:
        return first(pick(level, paths, as_count) for level in found)

    words = (pick(level, TEMPLATE_STATUS, as_name) for level in found)
    states = (STATES.get(fold(word)) for word in words if word)
    return SyncResult(
        total=count(SYNC_TOTAL),
        created=count(SYNC_CREATED),
        updated=count(SYNC_UPDATED),
        removed=count(SYNC_REMOVED),
        queued=status == 202
        or any(state in (JobState.QUEUED, JobState.RUNNING) for state in states)
        or any(pick(level, SYNC_BUSY, as_bool) for level in found),
    )
