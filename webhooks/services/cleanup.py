"""Delete old deliveries and events."""

from datetime import timedelta

from django.conf import settings
from django.db.models import QuerySet

from core import clocks
from tasks import services as tasks
from teams.models import Team
from webhooks.models import Delivery, WebhookEvent

# Rows per transaction.
CHUNK = 1000


def purge(team: Team) -> None:
    """Delete what is older than `WEBHOOK_KEEP_DAYS`; unprocessed and waiting rows stay."""
    before = clocks.now() - timedelta(days=settings.WEBHOOK_KEEP_DAYS)
    old = Delivery.objects.filter(team=team, received_at__lt=before)
    _delete(old.exclude(processed_at=None))
    events = WebhookEvent.objects.filter(team=team, received_at__lt=before)
    _delete(events.exclude(state=WebhookEvent.State.WAITING))
    # A server that was killed between the INSERT and the wake-up leaves its delivery to us.
    if Delivery.objects.due(team, clocks.now()).exists():
        tasks.request("process_webhooks", team.pk)


def _delete(rows: QuerySet[Delivery] | QuerySet[WebhookEvent]) -> None:
    while pks := list(rows.order_by("pk").values_list("pk", flat=True)[:CHUNK]):
        rows.model.objects.filter(pk__in=pks).delete()
