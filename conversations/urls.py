from django.urls import path

from conversations.views import lists, thread

app_name = "conversations"
urlpatterns = [
    path("", lists.conversation_list, name="conversation_list"),
    path("open/", lists.conversation_open, name="conversation_open"),
    path("replies/<uuid:uuid>/", lists.campaign_replies, name="campaign_replies"),
    path("<uuid:uuid>/", thread.conversation_detail, name="conversation_detail"),
    path("<uuid:uuid>/thread/", thread.conversation_thread, name="conversation_thread"),
    path("<uuid:uuid>/read/", thread.conversation_read, name="conversation_read"),
    path("<uuid:uuid>/reply/", thread.conversation_reply, name="conversation_reply"),
    path("<uuid:uuid>/history/", thread.conversation_history, name="conversation_history"),
    path("<uuid:uuid>/print/", thread.conversation_print, name="conversation_print"),
    path("<uuid:uuid>/export/", thread.conversation_export, name="conversation_export"),
]
