"""Alembic's door: run the migrations on the connection that bot.storage.schema hands over."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
