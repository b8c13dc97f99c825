"""Loading of the catalogue's file and the operator's overrides into offers of the domain.

Owns the layout of ``catalog.toml``. The overrides come from the configuration as nested tables.
"""

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr, ValidationError

from bot.domain.catalogue import Catalogue, Mode, ModelName, Offer, ProviderName


class CatalogueError(Exception):
    """The catalogue with the operator's overrides is invalid. ``problems`` are sentences."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class _Entry(BaseModel):
    """One mode of one model at one provider, as written in the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: StrictBool = True
    model_id: StrictStr = Field(min_length=1, max_length=200)
    min_duration: StrictInt = Field(default=0, ge=0, le=3600)
    max_duration: StrictInt = Field(default=0, ge=0, le=3600)
    default_duration: StrictInt = Field(default=0, ge=0, le=3600)
    auto_duration: StrictBool = False
    spoken_duration: StrictBool = False
    aspect_ratios: tuple[StrictStr, ...] = ()
    resolutions: tuple[StrictStr, ...] = ()
    min_images: StrictInt = Field(default=0, ge=0, le=100)
    max_images: StrictInt = Field(default=0, ge=0, le=100)
    last_frame: StrictBool = False
    max_source_seconds: StrictInt = Field(default=0, ge=0, le=3600)
    prompt_required: StrictBool = True
    max_prompt: StrictInt = Field(default=4000, ge=1, le=100_000)
    estimated_seconds: StrictInt = Field(default=60, ge=1, le=86_400)
    micro_usd_per_second: dict[StrictStr, StrictInt] = {}

    def faults(self) -> Iterator[str]:
        """Yield every contradiction, as the end of a sentence."""
        if self.spoken_duration:
            if not 1 <= self.min_duration <= self.max_duration or self.default_duration:
                yield (
                    "has spoken_duration, which needs 1 ≤ min_duration ≤ max_duration and no"
                    " default_duration"
                )
        elif self.max_duration and not (
            1 <= self.min_duration <= self.default_duration <= self.max_duration
        ):
            yield (
                "needs 1 ≤ min_duration ≤ default_duration ≤ max_duration, not"
                f" {self.min_duration}, {self.default_duration}, {self.max_duration}"
            )
        if not self.max_duration and (self.min_duration or self.default_duration):
            yield "has a min_duration or default_duration but no max_duration"
        if self.min_images > self.max_images:
            yield f"needs min_images ≤ max_images, not {self.min_images} and {self.max_images}"
        for resolution, price in self.micro_usd_per_second.items():
            if resolution not in (self.resolutions or ("",)):
                allowed = ", ".join(f'"{name}"' for name in self.resolutions or ("",))
                yield f'has a price for "{resolution}", which is not one of {allowed}'
            if not 0 <= price <= 100_000_000:
                yield f'has a price for "{resolution}" outside 0 to 100000000 micro-USD'


def load_catalogue(
    *,
    default_model: str = "omni-flash-1.1",
    overrides: Mapping[str, Mapping[str, Any]] | None = None,
) -> Catalogue:
    """Return the packaged catalogue with the operator's overrides.

    ``overrides`` maps a provider to its tables: family → mode → keys, and family → ``title``.
    ``enabled = false`` removes a mode. Other keys keep their packaged values, and so does every
    price that is not overridden.

    Raises:
        CatalogueError: the result is invalid; every problem is one sentence.
    """
    packaged = tomllib.loads(
        resources.files("bot.providers").joinpath("catalog.toml").read_text("utf-8")
    )
    titles: dict[str, str] = dict(packaged.pop("titles"))
    problems: list[str] = []
    merged: dict[str, dict[str, dict[str, Any]]] = packaged
    for provider, families in (overrides or {}).items():
        _override(merged.setdefault(provider, {}), families, provider, titles, problems)
    offers = [
        offer
        for provider, families in merged.items()
        for family, modes in families.items()
        for mode, keys in modes.items()
        for offer in _offers(provider, family, mode, keys, problems)
    ]
    for offer in offers:
        titles.setdefault(offer.model, offer.model)
    offered = {offer.model for offer in offers}
    if default_model not in offered and not problems:
        known = ", ".join(f'"{name}"' for name in titles if name in offered)
        problems.append(
            f'The default model "{default_model}" is not in the catalogue; it has {known}.'
        )
    if problems:
        raise CatalogueError(tuple(problems))
    return Catalogue(
        offers=tuple(offers),
        titles={ModelName(name): title for name, title in titles.items()},
        default_model=ModelName(default_model),
    )


def _override(
    entries: dict[str, dict[str, Any]],
    families: Mapping[str, Any],
    provider: str,
    titles: dict[str, str],
    problems: list[str],
) -> None:
    """Apply the overrides of one provider to its packaged entries."""
    for family, modes in families.items():
        where = f"providers.{provider}.models.{family}"
        if not isinstance(modes, Mapping):
            problems.append(f"{where} must be a table of modes, not {modes!r}.")
            continue
        known = entries.setdefault(family, {})
        for mode, keys in modes.items():
            if mode == "title":
                if isinstance(keys, str) and keys.strip():
                    titles[family] = keys
                else:
                    problems.append(f"{where}.title must be a text, not {keys!r}.")
                continue
            if not isinstance(keys, Mapping):
                problems.append(f"{where}.{mode} must be a table of keys, not {keys!r}.")
                continue
            known[mode] = _merged(known.get(mode, {}), keys)


def _merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(old)
    prices, resolutions = old.get("micro_usd_per_second"), new.get("resolutions")
    if isinstance(prices, Mapping) and isinstance(resolutions, list):
        # Remove the prices of removed resolutions.
        result["micro_usd_per_second"] = {
            name: price for name, price in prices.items() if name in resolutions
        }
    for key, value in new.items():
        before = result.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            result[key] = {**before, **value}
        else:
            result[key] = value
    return result


def _offers(
    provider: str, family: str, mode: str, keys: Mapping[str, Any], problems: list[str]
) -> Iterator[Offer]:
    where = f"providers.{provider}.models.{family}.{mode}"
    modes = [known.value for known in Mode]
    if mode not in modes:
        problems.append(f"{where}: there is no such mode{_nearest(mode, modes)}.")
        return
    try:
        entry = _Entry.model_validate(dict(keys))
    except ValidationError as error:
        problems.extend(_sentences(where, error))
        return
    faults = [f"{where} {fault}." for fault in entry.faults()]
    problems.extend(faults)
    if not faults and entry.enabled:
        yield Offer(
            provider=ProviderName(provider),
            model=ModelName(family),
            mode=Mode(mode),
            **entry.model_dump(exclude={"enabled"}),
        )


def _sentences(where: str, error: ValidationError) -> Iterator[str]:
    for fault in error.errors():
        key = ".".join(str(part) for part in fault["loc"])
        if fault["type"] == "extra_forbidden":
            yield f"{where}.{key}: there is no such key{_nearest(key, _Entry.model_fields)}."
        elif fault["type"] == "missing":
            yield f"{where}.{key} is missing: a new entry needs it."
        else:
            problem = fault["msg"].replace("Input should be", "must be")
            yield f"{where}.{key} {problem}, not {fault['input']!r}."


def _nearest(name: str, known: Any) -> str:
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f", the nearest is {near[0]}" if near else f"; there are {', '.join(known)}"
