"""The permissions asked for: those of the README, no more."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from bot.operator.invitation import PERMISSIONS, invitation

README = Path(__file__).parents[2] / "README.md"


def test_the_link_asks_for_what_the_readme_says() -> None:
    assert f"permissions={PERMISSIONS.value}`" in README.read_text(encoding="utf-8")
    asked = parse_qs(urlsplit(invitation(42)).query)
    assert asked["client_id"] == ["42"]
    assert asked["permissions"] == [str(PERMISSIONS.value)]
    assert asked["scope"] == ["bot applications.commands"]
