"""The URLs of the product."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path
from django.utils.translation import gettext_lazy as _
from django.views.generic import RedirectView

import campaigns.urls
import sending.urls
from tasks.views import health
from teams.views import start
from webhooks.views import receive

admin.site.site_header = "Chumi Admin"
admin.site.site_title = "Chumi Admin"
admin.site.index_title = _("Teams, people and keys")
# One login page, with one count of failed attempts.
admin.site.login = secure_admin_login(admin.site.login)
# One page for one's own password, too, with the same count.
admin.site.password_change = RedirectView.as_view(pattern_name="account_change_password")

team_urls = [
    path("", include("reports.urls")),
    path(
        "campaigns/", include((campaigns.urls.urlpatterns + sending.urls.urlpatterns, "campaigns"))
    ),
    path("templates/", include("message_templates.urls")),
    path("", include("contacts.urls")),
    path("conversations/", include("conversations.urls")),
    path("", include("webhooks.urls")),
    path("", include("teams.urls")),
]

handler500 = "core.error_pages.server_error"

urlpatterns = [
    path("", start, name="start"),
    path("health/", health, name="health"),
    path("webhooks/<str:secret>/", receive, name="webhook"),
    path("t/<slug:team>/", include(team_urls)),
    path("accounts/", include("teams.account_urls")),
    path("admin/", admin.site.urls),
]
