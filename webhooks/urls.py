"""Set under /t/<team>/; the address that ChumiAI calls stands in chumi_admin/urls.py."""

from django.urls import path

from webhooks import views

app_name = "webhooks"
urlpatterns = [
    path("webhook/", views.webhook_detail, name="webhook_detail"),
    path("webhook/address/", views.webhook_renew, name="webhook_renew"),
    path("webhook/signing/", views.webhook_sign, name="webhook_sign"),
    path("webhook/stop-words/", views.webhook_stop_words, name="webhook_stop_words"),
]
