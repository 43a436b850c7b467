"""The task that reads ChumiAI's own history of a conversation."""

from django.conf import settings

from chumi_api.errors import ChumiError, Forbidden, NotFound
from conversations import services
from conversations.models import Conversation
from teams.retry_policy import RetryPolicy
from teams.services import NotConnected, client_for, record_problem

READS = RetryPolicy(longest=120)
MISSING_SCOPE = (
    "Your ChumiAI key may not read conversations: it lacks the permission whatsapp:read. Ask "
    "whoever made the key to add it in ChumiAI, in Settings > Developer Settings > API Keys."
)


def sync_conversation(conversation_id):
    """Read all pages of the history; each is written before the next is asked for."""
    waiting = Conversation.objects.filter(history=Conversation.History.REQUESTED)
    conversation = waiting.select_related("team").filter(pk=conversation_id).first()
    if conversation is None:
        return
    try:
        skipped = _read(client_for(conversation.team), conversation)
    except NotConnected as error:
        services.record_history_failed(conversation, str(error))
    except NotFound:
        services.record_history_not_offered(conversation)
    except Forbidden as error:
        # The key may be good for everything else.
        named = error.required_scope == "whatsapp:read"
        services.record_history_failed(conversation, MISSING_SCOPE if named else str(error))
    except ChumiError as error:
        services.record_history_failed(conversation, str(error))
        if error.concerns_account:
            record_problem(conversation.team, str(error))
    else:
        services.record_history_read(conversation, skipped=skipped)


def _read(client, conversation):
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
