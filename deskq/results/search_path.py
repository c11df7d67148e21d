"""Where a PostgreSQL connection finds its tables: the schema of each, along the search path."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy

_IN_SIGHT = sqlalchemy.text(
    "SELECT c.relname, n.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "WHERE c.relname IN :names AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND pg_catalog.pg_table_is_visible(c.oid)"
).bindparams(sqlalchemy.bindparam("names", expanding=True))


def schemas_of(connection: sqlalchemy.Connection, names: Collection[str]) -> dict[str, str | None]:
    """Return those of the tables and views that the connection finds without a schema, and the schema of each.

    The schema is None where the database has none. SQLAlchemy's inspector looks in the first schema of the search path
    only; an unqualified name in a statement is looked for in all of them.
    """
    if connection.dialect.name == "postgresql":
        return {str(name): str(schema) for name, schema in connection.execute(_IN_SIGHT, {"names": list(names)})}
    inspector = sqlalchemy.inspect(connection)
    there = {*inspector.get_table_names(), *inspector.get_view_names()}
    return {name: None for name in names if name in there}
