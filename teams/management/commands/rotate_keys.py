"""Encrypt every stored API key under the first of ENCRYPTION_KEYS."""

from django.core.management.base import BaseCommand, CommandError

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
        self.stdout.write(f"Encrypted again: {done}.")
        if unreadable:
            raise CommandError(
                f"No secret reads the key of {', '.join(unreadable)}: it has to be pasted again."
            )
