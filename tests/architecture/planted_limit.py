"""Run by ``test_extension_points.py`` in a copy of the code with the measure "frames" added.

Everything that follows from a measure's declaration must know it: the ledger's columns, the check,
the options, the cards. The scope "role" must win over the server's rule and lose to the member's.
"""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bot.domain import limits as rules
from bot.domain.errors import Refused
from bot.settings.keys import LimitsSettings
from bot.storage.tables import accounts, ledger
from bot.ui.cards.limits import quota_card, rule_text
from bot.ui.text.messages import Messages
from cogs.limits import LimitsCog

NOW = datetime(2026, 11, 20, tzinfo=UTC)
ENGLISH = Messages.for_locale("en-US")

asked = rules.amounts_of(cast(Any, SimpleNamespace(seconds=5)))
assert asked.of(rules.Measure("frames")) == 120
for table in (accounts, ledger):
    assert {"frames_available", "frames_held", "frames_spent"} <= set(table.c.keys())

configured = LimitsSettings().as_limits()
rule = rules.effective([rules.LimitRule(scope=rules.Scope.DEFAULT, limits=configured)])
used = rules.Usage(**cast(Any, {"frames": 200}))
with pytest.raises(Refused) as refused:
    rules.check(rule, used, asked, now=NOW)
assert ENGLISH.explain(refused.value.code, refused.value.facts) == "200 of 240."

view = SimpleNamespace(rule=rule, usage=used, resets_at=NOW)
card = quota_card(cast(Any, view), who=None, messages=ENGLISH)
assert "Frames: 200 of 240" in str(card.to_components())
assert "240 frames" in rule_text(configured, ENGLISH)

(group,) = LimitsCog.__cog_app_commands__
for command in cast(Any, group).commands:
    if command.name in {"user", "server"}:
        assert "frames" in {option.name for option in command.parameters}

role = cast(Any, rules.Scope)("role")
for narrower, wins in ((rules.Scope.SERVER, 7), (rules.Scope.MEMBER, 9)):
    ranked = rules.effective(
        rules.LimitRule(scope=scope, limits=rules.Limits(videos=videos))
        for scope, videos in ((role, 7), (narrower, 9))
    )
    assert ranked.limits.videos == wins
