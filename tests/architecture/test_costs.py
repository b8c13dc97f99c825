"""Every price on the pages is what the catalogue says, and every sum follows from it."""

import re
import tomllib
from pathlib import Path

import pytest

from bot.domain.catalogue import Catalogue, Mode, ModelName, ProviderName
from bot.domain.fitting import AUTO_SECONDS
from bot.providers.catalogue import load_catalogue
from bot.settings.keys import LimitsSettings
from bot.ui.text.messages import Messages

LENGTHS = (3, 5, 10)
EVOLINK = ProviderName("evolink")


@pytest.fixture
def page(root: Path) -> str:
    return (root / "docs/reference/costs.md").read_text(encoding="utf-8")


@pytest.fixture
def catalogue() -> Catalogue:
    return load_catalogue()


def unwrapped(page: str) -> str:
    return re.sub(r"\s+", " ", page)


def rate(micro: int) -> str:
    """US dollars per second, with two to four digits."""
    digits = f"{micro / 1e6:.4f}"
    return digits[:4] + digits[4:].rstrip("0")


def prices(catalogue: Catalogue, provider: ProviderName, model: ModelName) -> dict[str, int]:
    """Micro-USD per second by resolution, which must not differ between a family's modes."""
    offers = catalogue.for_provider(provider, model)
    different = {tuple(sorted(offer.micro_usd_per_second.items())) for offer in offers}
    assert len(different) == 1, f"{model} at {provider} needs a row for each mode"
    return dict(different.pop())


def price_rows(catalogue: Catalogue) -> list[str]:
    """The table of one video, the default model and the cheapest resolution first."""
    words = Messages.for_locale("en-US")
    models = sorted(catalogue.models(), key=lambda name: name != catalogue.default_model)
    providers = dict.fromkeys(offer.provider for offer in catalogue.offers)
    return [
        f"| `{model}` | {words.word('provider', provider)} | {resolution} | {rate(micro)} |"
        + "".join(f" {micro * seconds / 1e6:.2f} |" for seconds in LENGTHS)
        for model in models
        for provider in providers
        for resolution, micro in sorted(
            prices(catalogue, provider, model).items(), key=lambda item: item[1]
        )
    ]


def table_after(page: str, heading: str) -> list[list[str]]:
    """The cells of the first table under a heading."""
    lines = page.partition(f"\n## {heading}\n")[2].partition("\n|")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines.splitlines()]


def blocks(page: str) -> list[dict[str, dict[str, object]]]:
    return [tomllib.loads(text) for text in re.findall(r"```toml\n(.*?)```", page, re.DOTALL)]


def test_the_table_of_one_video_is_the_catalogue(page: str, catalogue: Catalogue) -> None:
    rows = [f"| {' | '.join(cells)} |" for cells in table_after(page, "One video")[2:]]
    assert rows == price_rows(catalogue)


def test_the_month_adds_up(page: str, catalogue: Catalogue) -> None:
    per_second = prices(catalogue, EVOLINK, catalogue.default_model)
    for _, members, videos, length, resolution, seconds, cost in table_after(
        page, "A month with 50 members"
    )[2:]:
        total = int(members) * int(videos) * int(length.removesuffix(" s"))
        assert (seconds, cost) == (f"{total:,}", f"{total * per_second[resolution] / 1e6:,.2f}")


def test_the_last_rows_of_the_month_are_the_default_limits(page: str, catalogue: Catalogue) -> None:
    limits = LimitsSettings()
    assert (limits.videos, limits.seconds, limits.period.value) == (10, 0, "day")
    usual, worst = table_after(page, "A month with 50 members")[-2:]
    assert usual[2] == worst[2] == str(30 * limits.videos)
    text = next(
        offer
        for offer in catalogue.for_provider(EVOLINK, catalogue.default_model)
        if offer.mode is Mode.TEXT
    )
    assert usual[3:5] == [f"{text.default_duration} s", text.resolutions[0]]
    dearest = max(text.micro_usd_per_second, key=text.micro_usd_per_second.__getitem__)
    assert worst[3:5] == [f"{text.max_duration} s", dearest]


def test_the_page_on_keys_compares_the_providers_truly(root: Path, catalogue: Catalogue) -> None:
    page = (root / "docs/howto/keys.md").read_text(encoding="utf-8")
    assert "of the default model | slightly higher | slightly lower |" in page
    evolink, apimart = (
        prices(catalogue, ProviderName(name), catalogue.default_model)
        for name in ("evolink", "apimart")
    )
    assert all(0.8 * evolink[name] < apimart[name] < evolink[name] for name in evolink)


def test_the_suggested_limits_cost_what_the_page_says(page: str, catalogue: Catalogue) -> None:
    limits = LimitsSettings.model_validate(blocks(page)[0]["limits"])
    assert limits.period.value == "month"
    seconds = 50 * limits.seconds
    per_second = prices(catalogue, EVOLINK, catalogue.default_model)
    usual, most = (f"{seconds * per_second[name] / 1e6:.2f}" for name in ("720p", "4k"))
    assert (
        f"allow 50 members at most {seconds:,} seconds a month: {usual} US dollars at 720p,"
        f" {most} in 4k." in unwrapped(page)
    )


def test_the_suggested_override_takes_the_expensive_resolutions_away(page: str) -> None:
    _, changes = blocks(page)
    models = changes["providers"]["evolink"]["models"]  # pyright: ignore[reportIndexIssue, reportUnknownVariableType]
    changed = load_catalogue(overrides={"evolink": models})
    offers = changed.for_provider(EVOLINK, changed.default_model)
    assert {o.resolutions for o in offers if o.mode is Mode.TEXT} == {("720p", "360p")}


def test_the_lengths_on_the_page_are_the_catalogues(page: str, catalogue: Catalogue) -> None:
    defaults = {
        model: {
            offer.default_duration
            for offer in catalogue.for_provider(EVOLINK, ModelName(model))
            if offer.max_duration
        }
        for model in ("omni-flash-1.1", "omni-flash")
    }
    assert defaults == {"omni-flash-1.1": {3}, "omni-flash": {10}}
    words = unwrapped(page)
    assert "makes 3 seconds unless a member asks for 3 to 10; `omni-flash` makes 10." in words
    assert f"Retake estimates {AUTO_SECONDS} seconds" in words
    assert {offer.resolutions[0] for offer in catalogue.offers} == {"720p"}


def test_the_first_live_run_costs_what_its_page_says(root: Path, catalogue: Catalogue) -> None:
    page = (root / "docs/howto/first-live-run.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \d+ \| (.+) \| .+ \| ([\d.]+) \|$", page, flags=re.MULTILINE)
    assert len(rows) == 10
    made = [(do, float(usd)) for do, usd in rows if float(usd)]
    seconds, longest = [3, 3, 3], [AUTO_SECONDS] * 3
    resolutions = ["360p" if "`resolution: 360p`" in do else "720p" for do, _ in made]
    assert resolutions == ["360p", "720p", "360p"]

    def micro(provider: str, lengths: list[int]) -> list[int]:
        per_second = prices(catalogue, ProviderName(provider), catalogue.default_model)
        return [n * per_second[name] for n, name in zip(lengths, resolutions, strict=True)]

    ours = [round(amount / 1e6, 2) for amount in micro("evolink", seconds)]
    assert [usd for _, usd in made] == ours
    assert f"Together {sum(ours):.2f} US dollars at EvoLink." in page
    most = sum(micro("apimart", longest)) / 1e6
    assert f"at most {most:.2f} if it makes {AUTO_SECONDS} seconds each time" in unwrapped(page)
    assert sum(ours) < 1


def test_the_tutorials_price_is_right(root: Path, catalogue: Catalogue) -> None:
    tutorial = unwrapped((root / "docs/tutorial.md").read_text(encoding="utf-8"))
    assert "ten seconds of video cost about one US dollar" in tutorial
    for provider in (EVOLINK, ProviderName("apimart")):
        assert 0.8 <= 10 * prices(catalogue, provider, catalogue.default_model)["720p"] / 1e6 <= 1.2
