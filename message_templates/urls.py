from django.urls import path

from message_templates import views

app_name = "message_templates"
urlpatterns = [
    path("", views.template_list, name="template_list"),
    path("sync/", views.template_sync, name="template_sync"),
    path("sync/start/", views.template_sync_start, name="template_sync_start"),
    path("<uuid:uuid>/", views.template_detail, name="template_detail"),
]
