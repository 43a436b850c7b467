"""The one expected error of the services."""


class Refused(Exception):
    """What was asked can't be done; the message is a sentence for the person who asked."""
