"""Alerts to the bot's owner by direct message, once per code, provider and hour."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import discord
import structlog

from bot.domain.errors import Code, PostError
from bot.domain.ports.clock import Clock
from bot.ui.discord_errors import SEND_SECONDS, outgoing
from bot.ui.text.messages import Messages

log = structlog.get_logger(__name__)

ALERT_EVERY = timedelta(hours=1)


class OwnerAlerts:
    """Sends alerts. What was sent is kept in memory only."""

    def __init__(self, *, client: discord.Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._sent_at: dict[tuple[str, str], datetime] = {}

    async def send(self, code: Code, facts: Mapping[str, object]) -> None:
        """Alert the owner, or the owner of the team, if the last such alert is an hour old."""
        now = self._clock.now()
        about = (code.value, str(facts.get("provider", "")))
        last = self._sent_at.get(about)
        if last is not None and now - last < ALERT_EVERY:
            return
        self._sent_at[about] = now
        try:
            async with outgoing(SEND_SECONDS):
                application = self._client.application or await self._client.application_info()
                owner = application.team.owner if application.team else application.owner
                if owner is None:
                    return
                direct = await self._client.create_dm(discord.Object(owner.id))
                await direct.send(_text(code, facts))
        except PostError as error:
            if not error.final:
                # The alert was not sent, so the next one is not a repetition.
                del self._sent_at[about]
            log.warning("owner_not_alerted", code=code.value, error=str(error))


def _text(code: Code, facts: Mapping[str, object]) -> str:
    """Return the alert in English, because the owner's language is not known."""
    messages = Messages.for_locale("en-US")
    key = f"word.alert.{code.value}"
    what = messages.template(key) if messages.has(key) else messages.explain(code, facts)
    lines = [messages.say("alert.text", what=what)]
    if provider := facts.get("provider"):
        known = messages.has(f"word.provider.{provider}")
        where = "alert.where" if known else "alert.unknown_place"
        lines.append(messages.say(where, provider=provider))
    return "\n".join(lines)
