"""Make a team and give it its ChumiAI key, from a terminal."""

import getpass
import sys

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_slug
from django.db import transaction

from core.errors import Refused
from teams import services


class Command(BaseCommand):
    help = (
        "Connect a team to ChumiAI, and make the team where it is missing. The API key is read "
        "from standard input: never from an argument, which other people on the machine can see."
    )

    def add_arguments(self, parser):
        parser.add_argument("slug", help="the team's name in addresses: /t/SLUG/")
        parser.add_argument("--name", default="", help="the team's name for people")
        parser.add_argument("--base-url", default=settings.CHUMIAI_BASE_URLS[0])

    def handle(self, *args, slug, name, base_url, **options):
        try:
            validate_slug(slug)
        except ValidationError:
            raise CommandError(
                "A slug has letters, digits, hyphens and underscores only."
            ) from None
        key = read_secret()
        if not key:
            raise CommandError("No key was given on standard input. Nothing was changed.")
        try:
            with transaction.atomic():
                team = services.create_team(slug, name=name)
                connection = services.connect(team, base_url=base_url, key=key)
        except Refused as refusal:
            raise CommandError(f"{refusal} Nothing was changed.") from None
        self.stdout.write(
            f"{team.name} is connected to {connection.base_url} "
            f"with the key that ends with {connection.key_last4}."
        )


def read_secret():
    """Ask for the key without showing it, or take the first line of what is piped in."""
    if sys.stdin.isatty():
        return getpass.getpass("API key: ").strip()
    return sys.stdin.readline().strip()
