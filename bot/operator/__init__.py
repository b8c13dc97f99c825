"""What an operator does while the bot runs, and the container's health check."""
