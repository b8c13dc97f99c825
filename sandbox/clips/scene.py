"""What a clip shows, as data: read from a prompt, changed by an instruction, kept in the file.

Owns what an instruction means for a scene that is there: what comes, goes or becomes another thing.
Knows nothing of drawing, files or captions.
"""

import dataclasses
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.clips import looks, mood, subjects
from sandbox.clips.mood import PALETTES, PLACES, Palette
from sandbox.clips.subjects import COLOURS, Subject

_MOST_ROLES = 8
_SMALLEST, _LARGEST = 10, 75


@dataclass(frozen=True, kw_only=True)
class Role:
    """A subject in a scene, which keeps its place when others come or go.

    ``place`` is the middle of its way in hundredths of the width, ``size`` in hundredths of the
    short side, ``since`` the second it enters. ``right`` is true if it looks and moves to the
    right, ``aloft`` if the words let it fly, ``rides`` if it sits on the role after it.
    """

    subject: Subject
    place: int
    size: int
    since: int = 0
    right: bool = False
    aloft: bool = False
    rides: bool = False


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Everything that is drawn. ``seed`` is where all chance comes from.

    ``title`` is shown in large letters where a prompt names nothing that can be drawn.
    """

    seed: int
    number: int
    place: str
    weather: str = ""
    roles: tuple[Role, ...] = ()
    looks: tuple[str, ...] = ()
    title: str = ""

    @property
    def palette(self) -> Palette:
        """The colours."""
        return PALETTES[self.number]


@dataclass(frozen=True, kw_only=True)
class Change:
    """An instruction applied to a scene. ``added`` and ``looks`` are what is new in ``scene``.

    ``redrawn`` is true if the source's own picture cannot show it, because something left it.
    """

    scene: Scene
    added: tuple[Role, ...]
    looks: tuple[str, ...]
    redrawn: bool


_HOMES = (
    (("food", "drink", "dishware", "household", "computer", "phone", "book", "office"), "room"),
    (("clothing", "musical", "music", "tool", "science", "medical", "game", "arts"), "room"),
    (("face", "emotion", "heart", "money", "mail", "award", "lock", "writing"), "room"),
    (("transport-water",), "sea"),
    (("animal-marine",), "deep"),
    (("transport-air", "sky-weather"), "sky"),
    (("transport-ground", "hotel"), "city"),
)
_FLIES = re.compile(r"\b(fl(y|ies|ying)|flew|hover\w*|soar\w*)\b|飞|飛|上空")
_ABOVE = re.compile(r"\b(above|over an?|over the)\b")
_RIDES = re.compile(r"\b(rid(e|es|ing)|on (its|the) back of)\b|骑|騎")


def read(prompt: str) -> Scene:
    """The scene of a prompt."""
    seed = mood.seed_of(prompt)
    roles = _roles(prompt)
    place, weather = mood.place_of(prompt), mood.weather_of(prompt)
    number = mood.palette_of(prompt)
    title = ""
    if place is None and roles:
        place = _home(roles[0])
    if place is None and not weather and number is None:
        title = " ".join(prompt.split())
    return Scene(
        seed=seed,
        number=seed % len(PALETTES) if number is None else number,
        place=place or ("title" if title else "hills"),
        weather=weather,
        roles=roles,
        looks=looks.styles_of(prompt),
        title=title,
    )


def changed(scene: Scene, instruction: str, *, since: int = 0, visibly: bool = False) -> Change:
    """A scene after an instruction; what it adds comes in at a second.

    If ``visibly`` is true, an instruction that means nothing here turns the hue.
    """
    text = instruction.lower()
    gone, come = _exchange(scene, text)
    kept = [role for role in scene.roles if role not in gone]
    come = [dataclasses.replace(role, since=since) for role in come]
    if gone and come:  # the new one takes the place of the old one
        old = gone[0]
        aloft = come[0].aloft or old.aloft
        come[0] = dataclasses.replace(
            come[0], place=old.place, size=old.size, since=old.since, right=old.right, aloft=aloft
        )
    kept, touched, text = _recoloured(kept, come, text)
    place = mood.place_of(_without_subjects(text))
    if gone or place in {scene.place, "sky"}:  # the sky is there, whatever is to become of it
        place = None
    clears = bool(scene.weather and _REMOVE.search(text) and mood.weather_of(text))
    asked = () if clears else looks.looks_of(_without_subjects(text))
    wakes = "bright" in asked and (scene.palette.dark or "night" in scene.looks)
    if wakes:  # the day replaces the night instead of lighting it
        scene = _by_day(scene, text)
        asked = tuple(look for look in asked if look != "bright")
    if visibly and not (gone or come or touched or place or clears or wakes or asked):
        asked = (looks.turned(instruction),)
    after = dataclasses.replace(
        scene,
        roles=(*kept, *come)[:_MOST_ROLES],
        place=place or scene.place,
        weather="" if clears else mood.weather_of(text) or scene.weather,
        looks=(*scene.looks, *asked),
    )
    redrawn = bool(gone or touched or place or clears or wakes)
    return Change(scene=after, added=tuple(come), looks=asked, redrawn=redrawn)


def _by_day(scene: Scene, text: str) -> Scene:
    number = mood.palette_of(text)
    if number is None or PALETTES[number].dark:
        number = mood.palette_of("day") or 0
    lit = tuple(look for look in scene.looks if look not in {"night", "dark"})
    return dataclasses.replace(scene, number=number, looks=lit)


def packed(scene: Scene) -> str:
    """The scene as a line of text."""
    return json.dumps(dataclasses.asdict(scene), ensure_ascii=False, separators=(",", ":"))


def unpacked(text: str) -> Scene | None:
    """A scene from a line of text; None if it is none, whatever a stranger's file says."""
    try:
        plain = json.loads(text)
        scene = Scene(
            seed=int(plain["seed"]),
            number=int(plain["number"]) % len(PALETTES),
            place=str(plain["place"]) if plain["place"] in PLACES else "title",
            weather=str(plain["weather"]),
            roles=tuple(_role(entry) for entry in plain["roles"][:_MOST_ROLES]),
            looks=tuple(str(look) for look in plain["looks"]),
            title=str(plain["title"])[:600],
        )
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None
    return scene


def _role(plain: dict[str, Any]) -> Role:
    drawn = plain["subject"]
    return Role(
        subject=Subject(
            emoji=str(drawn["emoji"]),
            group=str(drawn["group"]),
            colour=drawn["colour"] if drawn["colour"] in COLOURS else None,
            count=min(5, max(1, int(drawn["count"]))),
        ),
        place=min(100, max(0, int(plain["place"]))),
        size=min(_LARGEST, max(_SMALLEST, int(plain["size"]))),
        since=min(3600, max(0, int(plain["since"]))),
        right=bool(plain["right"]),
        aloft=bool(plain["aloft"]),
        rides=bool(plain["rides"]),
    )


def _roles(text: str, there: Sequence[Role] = ()) -> tuple[Role, ...]:
    """The roles a text speaks of, beside those that are there."""
    found = subjects.find(text)
    above = _ABOVE.search(text.lower(), found[0].end) if found else None
    flies = bool(_FLIES.search(text.lower()) or above)
    rides = bool(_RIDES.search(text.lower())) and len(found) > 1
    free = [*found[:1], *(hit for hit in found[1:] if not is_held(hit.subject))]
    crowd = len(there) + sum(min(3, hit.subject.count) for hit in free)
    usual = {1: 46, 2: 38, 3: 33}.get(crowd, 27)
    taken = [role.place for role in there]
    roles: list[Role] = []
    for number, hit in enumerate(found):
        if there:
            place = max((20, 80, 35, 65, 50), key=lambda at: min(abs(at - t) for t in taken))
        elif rides and number < 2:
            place = 50
        else:
            place = (free.index(hit) * 100 + 50) // len(free) if hit in free else 50
        taken.append(place)
        role = Role(
            subject=hit.subject,
            place=place,
            size=min(_LARGEST, max(_SMALLEST, usual * hit.size // 100)),
            right=(len(there) + number) % 2 == 1 and not rides,
            aloft=flies and number == 0,
            rides=rides and number == 0,
        )
        roles.append(role)
    return tuple(roles)


def is_held(subject: Subject) -> bool:
    """Return whether a subject is held or worn by the one before it."""
    return subject.group in {"musical-instrument", "arts-crafts", "tool", "sound", "clothing"}


def _home(role: Role) -> str | None:
    group = role.subject.group
    if role.subject.emoji == "lighthouse":
        return "sea"
    return next((place for groups, place in _HOMES if group.startswith(groups)), "hills")


_REMOVE = re.compile(
    r"\b(remove|delete|erase|without|get rid of|take away|no more|stop)\b"
    r"|去掉|删除|移除|去除|不要"
)
_REPLACE = re.compile(
    r"\b(?:replace|turn|swap|change|transform|make)\b(?P<old>.+?)\b(?:with|into|for|to|by|become)\b(?P<new>.+)"
    r"|[把将](?P<old2>.+?)(?:换成|变成|替换成|替换为|改成)(?P<new2>.+)"
)


def _exchange(scene: Scene, text: str) -> tuple[list[Role], list[Role]]:
    """The roles that go, and those that come."""
    if hit := _REMOVE.search(text):
        come = _roles(text[: hit.start()], scene.roles)
        return _meant(scene, text[hit.end() :] or text), list(come)
    if hit := _REPLACE.search(text):
        old, new = hit["old"] or hit["old2"], hit["new"] or hit["new2"]
        gone, come = _meant(scene, old), list(_roles(new, scene.roles))
        if gone and come:
            return gone, come
    there = {role.subject.emoji for role in scene.roles}
    come = _roles(text, scene.roles)
    return [], [role for role in come if role.subject.emoji not in there]


def _meant(scene: Scene, text: str) -> list[Role]:
    """The roles of a scene that a text speaks of, by the very thing or else by its kind."""
    named = [hit.subject for hit in subjects.find(text)]
    emoji = {subject.emoji for subject in named}
    if same := [role for role in scene.roles if role.subject.emoji in emoji]:
        return same
    kinds = {subject.group for subject in named}
    return [role for role in scene.roles if role.subject.group in kinds]


_LARGER = re.compile(r"\b(bigger|larger|huge|giant|enormous)\b|更大|变大|大一点")
_SMALLER = re.compile(r"\b(smaller|tiny|little)\b|更小|变小|小一点")


def _recoloured(roles: list[Role], come: list[Role], text: str) -> tuple[list[Role], bool, str]:
    """The roles with the colour and size a text gives those it names, and the rest of the text."""
    named = {hit.subject.emoji for hit in subjects.find(text)} - {r.subject.emoji for r in come}
    after, rest = [], text
    share = 160 if _LARGER.search(text) else 60 if _SMALLER.search(text) else 100
    colour = next((c for c, (_, words) in COLOURS.items() if mood.mentions(text, words)), None)
    for role in roles:
        if role.subject.emoji not in named:
            after.append(role)
            continue
        subject = dataclasses.replace(role.subject, colour=colour or role.subject.colour)
        size = min(_LARGEST, max(_SMALLEST, role.size * share // 100))
        after.append(dataclasses.replace(role, subject=subject, size=size))
        if colour:
            rest = _without(text, COLOURS[colour][1])
    return after, after != roles, rest


def _without(text: str, words: str) -> str:
    for word in words.split():
        text = text.replace(word, " ")
    return text


def _without_subjects(text: str) -> str:
    """The text without its subjects and the colours before them, which are no look of the whole."""
    for hit in reversed(subjects.find(text)):
        text = f"{text[: hit.start]} {text[hit.end :]}"
    return text
