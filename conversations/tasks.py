"""The task that syncs a conversation with ChumiAI's history."""

from django.conf import settings
from django.utils.translation import gettext as _

from chumi_api.client import Client
from chumi_api.errors import ChumiError, Forbidden, NotFound
from conversations import services
from conversations.models import Conversation
from core import formats
from teams.retry_policy import RetryPolicy
from teams.services import NotConnected, client_for

READS = RetryPolicy(longest=120)
READ_SCOPE = "whatsapp:read"


def sync_conversation(conversation_id: int) -> None:
    """Fetch all pages of the history; store each before the next is requested."""
    requested = Conversation.objects.filter(history=Conversation.History.REQUESTED)
    conversation = requested.select_related("team").filter(pk=conversation_id).first()
    if conversation is None:
        return
    try:
        skipped = _fetch(client_for(conversation.team), conversation)
    except NotConnected as error:
        services.record_history_failed(conversation, str(error))
    except NotFound:
        services.record_history_not_offered(conversation)
    except Forbidden as error:
        # The key may be good for everything else.
        is_scope = error.required_scope == READ_SCOPE
        problem = _missing_scope() if is_scope else formats.sentence(error.message, error.params)
        services.record_history_failed(conversation, problem)
    except ChumiError as error:
        problem = formats.sentence(error.message, error.params)
        services.record_history_failed(conversation, problem)
    else:
        services.record_history_synced(conversation, skipped=skipped)


def team_of(conversation_id: str) -> int | None:
    """Return the id of the team for which the task works."""
    return Conversation.objects.filter(pk=conversation_id).values_list("team", flat=True).first()


def _fetch(client: Client, conversation: Conversation) -> int:
    """Store all pages. Return how many entries could not be parsed."""
    skipped = 0
    pages = client.conversation_pages(
        conversation.phone,
        path=settings.CHUMIAI_CONVERSATION_PATH,
        retry=READS,
    )
    for page in pages:
        services.record_messages(conversation.team, page)
        skipped += page.skipped
    return skipped


def _missing_scope() -> str:
    return _(
        "Your ChumiAI key can't read conversations: it lacks the permission {scope}. Ask the "
        "person who created the key to add it in ChumiAI, in Settings > Developer Settings > "
        "API Keys."
    ).format(scope=READ_SCOPE)
