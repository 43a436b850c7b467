from django.apps import AppConfig


class MessageTemplatesConfig(AppConfig):
    name = "message_templates"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Message templates"
