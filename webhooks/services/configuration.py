"""Set up a team's webhook: address, signing secrets, stop words."""

from contextlib import suppress

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from core.errors import Refused
from tasks import services as tasks
from teams.models import Team, User
from teams.services import audit
from webhooks.models import Webhook

# Deliveries may come in while a manager changes something: each writes its own columns.
ADDRESS_FIELDS = ["secret_hash", "secret_ciphertext", "made_at"]
SIGNING_FIELDS = ["signing_ciphertext", "signing_before_ciphertext", "signing_changed_at"]


def renew_address(team: Team, *, by: User | None) -> Webhook:
    """Create the team's address, or replace it: the old one stops working immediately."""
    with suppress(IntegrityError), transaction.atomic():
        webhook = Webhook.objects.filter(team=team).first()
        is_new = webhook is None
        webhook = webhook or Webhook(team=team)
        webhook.new_secret()
        webhook.save(update_fields=None if is_new else ADDRESS_FIELDS)
        audit(team, "webhook address created" if is_new else "webhook address replaced", by=by)
        if is_new:
            tasks.request("purge_webhooks", team.pk)
    return Webhook.objects.get(team=team)


@transaction.atomic
def change_signing(webhook: Webhook, secret: str, *, by: User | None) -> Webhook:
    """Set the signing secret; the old one stays valid until it is dropped. Raise `Refused`."""
    secret = secret.strip()
    if not (secret.isprintable() and 8 <= len(secret) <= 200):
        raise Refused(_("A signing secret has 8 to 200 characters. Nothing was changed."))
    webhook = _fresh(webhook)
    webhook.sign_with(secret)
    return _save_signing(webhook, "webhook signing secret changed", by=by)


@transaction.atomic
def drop_old_signing(webhook: Webhook, *, by: User | None) -> Webhook:
    """Accept signatures of the newest secret only."""
    webhook = _fresh(webhook)
    webhook.signing_before_ciphertext = ""
    return _save_signing(webhook, "webhook signing secret dropped", by=by)


@transaction.atomic
def stop_signing(webhook: Webhook, *, by: User | None) -> Webhook:
    """Accept deliveries without a signature."""
    webhook = _fresh(webhook)
    webhook.signing_ciphertext = webhook.signing_before_ciphertext = ""
    webhook.signing_changed_at = None
    return _save_signing(webhook, "webhook signing switched off", by=by)


@transaction.atomic
def change_stop_words(webhook: Webhook, text: str, *, by: User | None) -> Webhook:
    """Set the messages that opt a person out, one per line."""
    lines = [" ".join(line.split()) for line in text.replace("\0", "").splitlines()]
    webhook = _fresh(webhook)
    webhook.stop_words = "\n".join(filter(None, lines))
    webhook.save(update_fields=["stop_words"])
    audit(webhook.team, "stop words changed", by=by)
    return webhook


def _fresh(webhook: Webhook) -> Webhook:
    return Webhook.objects.select_related("team").get(pk=webhook.pk)


def _save_signing(webhook: Webhook, action: str, *, by: User | None) -> Webhook:
    webhook.save(update_fields=SIGNING_FIELDS)
    audit(webhook.team, action, by=by)
    return webhook
