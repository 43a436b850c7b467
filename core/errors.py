"""The expected error of services."""


class Refused(Exception):
    """The request can't be done; the message is a sentence for the person who made it."""
