"""The steps from an empty database to the newest schema, applied by bot.storage.schema."""
