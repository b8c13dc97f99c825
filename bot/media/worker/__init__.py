"""The program that decodes files, run in a process of its own with limits and no secrets.

``bot.media.engine`` starts it. Everything in here runs in that process: no other module of the bot
imports it, and it imports nothing of the bot but the list of formats.
"""
