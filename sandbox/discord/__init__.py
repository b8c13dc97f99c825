"""A stand-in for Discord on loopback: REST, gateway, CDN, and the people who use it.

Owns the public name of the package. One code base serves the sandbox and the tests.
"""

from sandbox.discord.standin import DiscordStandIn

__all__ = ["DiscordStandIn"]
