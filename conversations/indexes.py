"""The full-text indexes of the search: FTS5 on SQLite, GIN on PostgreSQL."""

# Tables with a column of folded words.
TABLES = ("conversations_message", "conversations_conversation")

_SQLITE_MAKE = (
    """
    CREATE VIRTUAL TABLE {table}_words USING fts5(
        folded, content='{table}', content_rowid='id', detail='none', columnsize=0,
        prefix='2 3', tokenize="unicode61 remove_diacritics 0"
    )
    """,
    """
    CREATE TRIGGER {table}_words_insert AFTER INSERT ON {table} WHEN new.folded <> '' BEGIN
        INSERT INTO {table}_words(rowid, folded) VALUES (new.id, new.folded);
    END
    """,
    """
    CREATE TRIGGER {table}_words_delete AFTER DELETE ON {table} WHEN old.folded <> '' BEGIN
        INSERT INTO {table}_words({table}_words, rowid, folded)
        VALUES ('delete', old.id, old.folded);
    END
    """,
    """
    CREATE TRIGGER {table}_words_change AFTER UPDATE OF folded ON {table}
    WHEN old.folded <> new.folded BEGIN
        INSERT INTO {table}_words({table}_words, rowid, folded)
        SELECT 'delete', old.id, old.folded WHERE old.folded <> '';
        INSERT INTO {table}_words(rowid, folded) SELECT new.id, new.folded WHERE new.folded <> '';
    END
    """,
)
_SQLITE_DROP = (
    "DROP TRIGGER IF EXISTS {table}_words_insert",
    "DROP TRIGGER IF EXISTS {table}_words_delete",
    "DROP TRIGGER IF EXISTS {table}_words_change",
    "DROP TABLE IF EXISTS {table}_words",
)
# The text is split into words already: the database's parser must not split it again.
VECTOR = "array_to_tsvector(string_to_array(folded, ' '))"
_POSTGRES_MAKE = (f"CREATE INDEX {{table}}_words ON {{table}} USING gin (({VECTOR}))",)
_POSTGRES_DROP = ("DROP INDEX IF EXISTS {table}_words",)


def make(connection):
    """Create the indexes, dropping existing ones first.

    A migration that makes Django rebuild one of the tables on SQLite loses its triggers, so it
    must end with this.
    """
    drop(connection)
    _run(connection, _SQLITE_MAKE if connection.vendor == "sqlite" else _POSTGRES_MAKE)
    if connection.vendor == "sqlite":
        _run(connection, ("INSERT INTO {table}_words({table}_words) VALUES ('rebuild')",))


def drop(connection):
    """Drop the indexes if they exist."""
    _run(connection, _SQLITE_DROP if connection.vendor == "sqlite" else _POSTGRES_DROP)


def _run(connection, statements):
    with connection.cursor() as cursor:
        for table in TABLES:
            for statement in statements:
                cursor.execute(statement.format(table=table))
