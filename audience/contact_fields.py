"""The fields of a contact that may stand in a message: their names, labels and texts.

Pure. A field is named `name`, `first_name`, `email`, or `custom:` and the name in ChumiAI.
"""

from audience.check import suggest_mapping

CUSTOM = "custom:"
BUILT_IN = {"name": "Name", "first_name": "First name", "email": "E-mail"}


def offered(custom):
    """Return {field: label} of all fields, given the names of the custom ones."""
    return BUILT_IN | {f"{CUSTOM}{name}": name for name in custom}


def label_of(field):
    """Return how a person calls the field."""
    return BUILT_IN.get(field) or field.removeprefix(CUSTOM)


def text_of(contact, field):
    """Return what the contact has in the field, '' for nothing."""
    if field.startswith(CUSTOM):
        return contact.custom.get(field.removeprefix(CUSTOM), "")
    return getattr(contact, field)


def used_in(mapping):
    """Return the fields that a stored mapping takes values from, in the alphabet's order."""
    sources = (mapping or {"values": {}})["values"].values()
    return sorted({source["field"] for source in sources if source and "field" in source})


def labels_of_used(mapping):
    """Return {field: label} of the fields that a stored mapping takes values from."""
    return {field: label_of(field) for field in used_in(mapping)}


def suggest(placeholders, hints, fields):
    """Return the stored form of a mapping to the fields, None where none fits.

    `hints` are the words before each placeholder. Unlike the columns of a file, which somebody
    made for this message, fields that are left are not taken in their order.
    """
    names = list(fields)
    found = suggest_mapping(
        list(fields.values()), [], placeholders, hints, takes_the_rest=False
    ).values
    return {
        "phone_column": 0,
        "values": {
            name: {"field": names[column.index], "fallback": ""} if column else None
            for name, column in found.items()
        },
    }


def only_fixed(mapping):
    """Return the mapping without all that may differ from person to person."""
    return {
        "phone_column": 0,
        "values": {
            name: source if source and "text" in source else None
            for name, source in (mapping or {"values": {}})["values"].items()
        },
    }


def is_fixed(mapping, placeholders):
    """Say whether everybody gets the same."""
    values = (mapping or {"values": {}})["values"]
    return all("text" in (values.get(name) or {}) for name in placeholders)
