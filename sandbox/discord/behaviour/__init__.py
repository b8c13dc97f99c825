"""What happens when people or the bot do something."""
