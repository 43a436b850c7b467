import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q


def give_uuids(apps, schema_editor):
    """Every row an id of its own: the default of a new column is one for all."""
    opt_outs = apps.get_model("contacts", "OptOut").objects
    for pk in opt_outs.values_list("pk", flat=True).iterator():
        opt_outs.filter(pk=pk).update(uuid=uuid.uuid4())


class Migration(migrations.Migration):

    dependencies = [
        ("contacts", "0001_initial"),
        ("teams", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField("optout", "uuid", models.UUIDField(null=True)),
        migrations.RunPython(give_uuids, migrations.RunPython.noop),
        migrations.AlterField(
            "optout", "uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)
        ),
        migrations.AlterField(
            "optout",
            "source",
            models.CharField(
                choices=[
                    ("by_hand", "Added by hand"),
                    ("import", "From a list"),
                    ("keyword", "Wrote a stop word"),
                    ("button", "Pressed a stop button"),
                    ("whatsapp", "Told by WhatsApp"),
                ],
                default="by_hand",
                max_length=20,
            ),
        ),
        migrations.AddField("optout", "lifted_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "optout",
            "lifted_by",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            "optout", "lifted_reason", models.CharField(blank=True, default="", max_length=200),
            preserve_default=False,
        ),
        migrations.RemoveConstraint("optout", "one_opt_out_a_phone"),
        migrations.AddConstraint(
            "optout",
            models.UniqueConstraint(
                fields=["team", "phone"],
                condition=Q(lifted_at=None),
                name="one_opt_out_in_force_a_phone",
            ),
        ),
        migrations.AddConstraint(
            "optout",
            models.CheckConstraint(
                condition=Q(lifted_at=None) | ~Q(lifted_reason=""), name="lifted_for_a_reason"
            ),
        ),
        migrations.AddIndex(
            "optout", models.Index(fields=["team", "phone"], name="opt_outs_of_phone")
        ),
    ]
