"""Alembic's entry point: run the migrations on the connection that bot.storage.schema passes."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
