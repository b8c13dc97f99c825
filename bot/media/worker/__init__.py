"""The program that decodes files, in a process of its own with limits and without secrets.

``bot.media.engine`` starts it. No other module of the bot imports this package, and it imports
nothing of the bot but ``bot.media.jobs``.
"""
