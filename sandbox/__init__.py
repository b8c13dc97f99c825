"""Local stand-ins for everything Retake talks to; nothing in the bot imports this."""
