"""Encrypt the API keys and other encrypted fields again, under the first of ENCRYPTION_KEYS."""

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
            # A key that was pasted in between stays: the first secret has encrypted it.
            same = Connection.objects.filter(pk=connection.pk, key_ciphertext=before)
            done += same.update(key_ciphertext=connection.key_ciphertext)
        done += seal_again()
        self.stdout.write(f"Encrypted again: {done}.")
        if unreadable:
            raise CommandError(
                f"No secret decrypts the key of {', '.join(unreadable)}. Paste it again."
            )


def seal_again():
    """Encrypt the fields again that other models name in `SEALED`. Return how many.

    A field that no secret decrypts stays as it is.
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
