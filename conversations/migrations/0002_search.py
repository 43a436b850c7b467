from django.db import migrations

from conversations import indexes


def make(apps, editor):
    indexes.make(editor.connection)


def drop(apps, editor):
    indexes.drop(editor.connection)


class Migration(migrations.Migration):

    dependencies = [("conversations", "0001_initial")]

    operations = [migrations.RunPython(make, drop)]
