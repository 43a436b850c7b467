"""A button that asks before it acts: built in Python beside its transition, drawn by one include.

    stop = Confirm(
        question=_("Stop this campaign for good?"),
        consequence=_("No more messages will be sent."),
        button=_("Stop"),
        action=reverse("campaigns:campaign_stop", args=[team.slug, campaign.uuid]),
    )

and in the template `{% include "includes/_confirm.html" with confirm=stop %}`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Confirm:
    """A form of one button and the dialog that it opens.

    `button` is the label of the dialog's button, and of the page's unless `label` is another;
    `action` is the address that the form posts `fields` to.
    """

    question: str
    consequence: str
    button: str
    action: str
    fields: Mapping[str, str | int] = field(default_factory=dict)
    label: str = ""
    icon: str = ""
    # Bootstrap's classes of the button on the page.
    css: str = "btn"
    # A red button in the dialog.
    is_danger: bool = True
    form_id: str = ""
