"""Run by Alembic: applies the revisions on the connection and in the transaction that `tocsin.store.migrate` gives."""

from alembic import context

from tocsin.store.schema import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,  # SQLite alters a table by copying it
    compare_type=True,
)
context.run_migrations()
