"""Create a team and store its ChumiAI key, from a terminal."""

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
        "Connect a team to ChumiAI, and create the team where it is missing. The API key comes "
        "from standard input, because other users of the machine can see arguments."
    )

    def add_arguments(self, parser):
        parser.add_argument("slug", help="the name of the team in addresses: /t/SLUG/")
        parser.add_argument("--name", default="", help="the name of the team on the pages")
        parser.add_argument("--base-url", default=settings.CHUMIAI_BASE_URLS[0])

    def handle(self, *args, slug, name, base_url, **options):
        try:
            validate_slug(slug)
        except ValidationError:
            raise CommandError(
                "A slug can have letters, digits, hyphens and underscores only."
            ) from None
        key = read_secret()
        if not key:
            raise CommandError("There is no key on standard input. Nothing has changed.")
        try:
            with transaction.atomic():
                team = services.create_team(slug, name=name)
                connection = services.connect(team, base_url=base_url, key=key)
        except Refused as refusal:
            raise CommandError(f"{refusal} Nothing has changed.") from None
        self.stdout.write(
            f"{team.name} is connected to {connection.base_url} "
            f"with the key that ends with {connection.key_last4}."
        )


def read_secret():
    """Ask for the key without showing it, or return the first line of standard input."""
    if sys.stdin.isatty():
        return getpass.getpass("API key: ").strip()
    return sys.stdin.readline().strip()
