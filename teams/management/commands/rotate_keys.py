"""Encrypt every stored API key, and what else is sealed, under the first of ENCRYPTION_KEYS."""

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError

from teams import crypto
from teams.crypto import CannotDecrypt
from teams.models import Connection


class Command(BaseCommand):
    help = (
        "Encrypt the stored API keys again, under the first secret of ENCRYPTION_KEYS. "
        "Afterwards the other secrets can be removed."
    )

    def handle(self, *args, **options):
        done, unreadable = 0, []
        for connection in Connection.objects.exclude(key_ciphertext="").select_related("team"):
            before = connection.key_ciphertext
            try:
                connection.set_key(connection.key())
            except CannotDecrypt:
                unreadable.append(connection.team.slug)
                continue
            # A key that somebody pastes meanwhile stays: it is under the first secret already.
            same = Connection.objects.filter(pk=connection.pk, key_ciphertext=before)
            done += same.update(key_ciphertext=connection.key_ciphertext)
        done += seal_again()
        self.stdout.write(f"Encrypted again: {done}.")
        if unreadable:
            raise CommandError(
                f"No secret reads the key of {', '.join(unreadable)}: it has to be pasted again."
            )


def seal_again():
    """Encrypt what other models keep sealed: they name its fields in `SEALED`.

    What no secret reads stays as it is, and can be read no more than before.
    """
    done = 0
    for model in apps.get_models():
        for field in getattr(model, "SEALED", ()):
            for row in model.objects.exclude(**{field: ""}).iterator():
                before = getattr(row, field)
                try:
                    text = crypto.decrypt(before, bound_to=row.bound_to())
                except CannotDecrypt:
                    continue
                sealed = crypto.encrypt(text, bound_to=row.bound_to())
                done += model.objects.filter(pk=row.pk, **{field: before}).update(
                    **{field: sealed}
                )
    return done
