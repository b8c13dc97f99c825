"""What the stand-ins' clips read out of words, and how an instruction changes it: pure rules."""

import json

import pytest

from sandbox.clips import cast, looks, mood, scene, subjects


def emoji_of(text: str) -> list[str]:
    return [hit.subject.emoji for hit in subjects.find(text)]


@pytest.mark.parametrize(
    ("prompt", "shown"),
    [
        ("a red fox in the snow", "🦊"),
        ("a lighthouse at dusk, waves crashing", "lighthouse"),
        ("a red boat on a calm lake", "⛵"),
        ("a dragon over a city at night", "🐉"),
        ("Sushi on a wooden table, cinematic", "🍣"),
        ("a robot playing guitar", "🤖 🎸"),
        ("rain on a window", "🪟"),
        ("two cats chasing a butterfly in a garden", "🐈 🦋"),
        ("a flock of birds over the ocean", "🐦"),
        ("an astronaut riding a horse on the moon", "🧑‍🚀 🐎 🌕"),
        ("a chef cooking pasta", "🧑‍🍳 🍝"),
        ("a hot air balloon at dawn", "🎈"),
        ("mice and puppies", "🐭 🐶"),
        ("cherries and strawberries", "🍒 🍓"),
        ("home through the woods", "🏠"),
        ("an old man and the sea", "👴"),
        ("the meaning of silence", "😶"),
        ("a 🦊 and a 🎈", "🦊 🎈"),
        ("一只在雪地里的狐狸", "🦊"),
        ("夜晚城市上空的龙", "🐉"),
        ("一艘红色的小船在海上", "⛵"),
        ("一个机器人在弹吉他", "🤖 🎸"),
        ("宇航员在月球上骑马", "🧑‍🚀 🌕 🐎"),
        ("龍在山上飛", "🐉"),
        ("熊猫", "🐼"),
        ("make it night", ""),
        ("liminal echoes", ""),
        ("three seconds of slow motion, close up", ""),
        ("the camera pans left", ""),
        ("", ""),
    ],
)
def test_words_become_emoji(prompt: str, shown: str) -> None:
    assert emoji_of(prompt) == shown.split()


def test_hundreds_of_things_are_found_by_their_names_in_both_languages() -> None:
    for language, least in ((0, 700), (1, 700)):
        table = subjects._table()
        named = [(emoji, columns[language][0]) for emoji, _, columns in table]
        found = sum(emoji_of(name)[:1] == [emoji] for emoji, name in named)
        assert found > least


@pytest.mark.parametrize(
    ("prompt", "colour", "count", "size"),
    [
        ("a red boat", "red", 1, 100),
        ("three tiny blue whales", "blue", 3, 55),
        ("two huge dogs", None, 2, 150),
        ("a flock of birds", None, 5, 100),
        ("foxes", None, 3, 100),
        ("一艘红色的小船", "red", 1, 100),
        ("两只猫", None, 2, 100),
        ("a bored cat", None, 1, 100),
    ],
)
def test_the_words_before_a_subject_describe_it(
    prompt: str, colour: str | None, count: int, size: int
) -> None:
    (hit,) = subjects.find(prompt)
    assert (hit.subject.colour, hit.subject.count, hit.size) == (colour, count, size)


@pytest.mark.parametrize(
    ("prompt", "place", "weather", "dark"),
    [
        ("Boats on the ocean", "sea", "", False),
        ("a boat", "sea", "", False),
        ("a lighthouse at dusk", "sea", "", False),
        ("a city at night", "city", "", True),
        ("a whale under water", "deep", "", False),
        ("sushi", "room", "", None),
        ("a fox in a snowy forest", "forest", "snow", False),
        ("rain on a window", "room", "rain", False),
        ("夜晚的城市", "city", "", True),
        ("雪山", "mountains", "snow", False),
        ("xyzzy plugh", "title", "", None),
    ],
)
def test_a_scene_follows_its_words(
    prompt: str, place: str, weather: str, dark: bool | None
) -> None:
    shown = scene.read(prompt)
    assert (shown.place, shown.weather) == (place, weather)
    assert dark is None or shown.palette.dark is dark
    assert shown == scene.read(prompt)
    assert bool(shown.title) is (place == "title")
    assert scene.unpacked(scene.packed(shown)) == shown


def test_a_style_is_no_subject_and_lies_over_the_whole() -> None:
    shown = scene.read("a pencil sketch of a cat")
    assert [role.subject.emoji for role in shown.roles] == ["🐈"]
    assert shown.looks == ("drawing",)
    assert "edgedetect" in looks.chain(shown.looks, 720)


@pytest.mark.parametrize(
    ("prompt", "instruction", "shown", "redrawn"),
    [
        ("a boat on the sea", "add a dragon", "⛵ 🐉", False),
        ("a boat and a lighthouse", "remove the boat", "lighthouse", True),
        ("a boat and a lighthouse", "remove the ship", "lighthouse", True),
        ("a fox", "turn the fox into a wolf", "🐺", True),
        ("a fox and a boat", "replace the fox with a panda", "⛵ 🐼", True),
        ("一只狐狸", "把狐狸换成熊猫", "🐼", True),
        ("一只狐狸和一艘船", "去掉船", "🦊", True),
        ("a fox", "make it night", "🦊", False),
        ("a fox", "the fox runs on", "🦊", False),
        ("a fox in the forest", "let it snow", "🦊", False),
        ("a fox", "put it in space", "🦊", True),
        ("a fox", "make it night, with stars", "🦊 ⭐", False),
        ("a fox", "make the sky purple", "🦊", False),
        ("a fox", "make it a sunny day", "🦊", False),
    ],
)
def test_an_instruction_adds_removes_and_replaces(
    prompt: str, instruction: str, shown: str, redrawn: bool
) -> None:
    change = scene.changed(scene.read(prompt), instruction)
    assert [role.subject.emoji for role in change.scene.roles] == shown.split()
    assert change.redrawn is redrawn


def test_what_stays_keeps_its_place_and_what_replaces_takes_it() -> None:
    before = scene.read("a boat and a lighthouse")
    boat, lighthouse = before.roles
    assert scene.changed(before, "remove the boat").scene.roles == (lighthouse,)
    new = scene.changed(before, "turn the boat into a whale").scene.roles[-1]
    assert (new.place, new.size, new.subject.emoji) == (boat.place, boat.size, "🐋")
    added = scene.changed(before, "add a dragon", since=8).added
    assert added[0].since == 8
    assert added[0].place not in {boat.place, lighthouse.place}


def test_a_colour_or_a_size_goes_to_the_subject_it_names_else_to_the_picture() -> None:
    before = scene.read("a boat on the sea")
    blue = scene.changed(before, "make the boat blue")
    assert blue.scene.roles[0].subject.colour == "blue"
    assert blue.looks == ()
    assert scene.changed(before, "make it blue").looks == ("blue",)
    assert scene.changed(before, "add a red balloon").looks == ()
    larger = scene.changed(before, "make the boat bigger").scene.roles[0]
    assert larger.size > before.roles[0].size


def test_the_night_ends_and_the_snow_stops() -> None:
    fox = scene.read("a fox")
    night = scene.changed(fox, "make it night").scene
    assert night.looks == ("night",)
    day = scene.changed(night, "make it day")
    assert (day.scene.looks, day.redrawn) == ((), True)
    snowy = scene.changed(fox, "let it snow").scene
    assert snowy.weather == "snow"
    assert scene.changed(snowy, "remove the snow").scene.weather == ""
    assert scene.changed(scene.read("a city at night"), "at noon").scene.palette.dark is False


def test_an_edit_that_means_nothing_turns_the_hue_and_an_extension_does_not() -> None:
    fox = scene.read("a fox")
    (look,) = scene.changed(fox, "more of that", visibly=True).looks
    assert looks.chain((look,), 720).startswith("hue=h=")
    assert scene.changed(fox, "more of that").looks == ()
    assert looks.turned("one way") != looks.turned("another")


def test_two_looks_add_up_but_black_and_white_stays_so() -> None:
    night, snow = looks.chain(["night"], 720), looks.chain(["snow"], 720)
    assert looks.chain(looks.looks_of("night with snow"), 720) == f"{night},{snow}"
    grey = looks.chain(looks.looks_of("black and white"), 720)
    assert looks.chain(looks.looks_of("black and white, rain"), 720) == grey


@pytest.mark.parametrize(
    "comment",
    [
        "",
        "{}",
        "[]",
        "null",
        "[" * 3000,
        '{"seed":1e999,"number":1,"place":"sea","weather":"","roles":[],"looks":[],"title":""}',
        '{"seed":1,"number":1,"place":"sea","weather":"","roles":[{}],"looks":[],"title":""}',
        '{"seed":1,"number":1,"place":"sea","weather":"","roles":7,"looks":[],"title":""}',
    ],
)
def test_a_strangers_file_says_no_scene(comment: str) -> None:
    assert scene.unpacked(comment) is None


def test_a_strangers_scene_cannot_name_a_filter_a_file_or_a_size() -> None:
    plain = json.loads(scene.packed(scene.read("a fox on the sea")))
    plain["looks"] = ["movie=/etc/passwd", "hue:1;movie=x", "night"]
    plain["roles"][0]["subject"]["emoji"] = "../../../secret"
    plain["roles"][0] |= {"size": 10**9, "place": -5, "since": 10**9}
    plain["place"] = "nowhere"
    shown = scene.unpacked(json.dumps(plain))
    assert shown is not None
    assert looks.chain(shown.looks, 720) == looks.chain(["night"], 720)
    assert shown.place == "title"
    assert shown.roles[0].size <= 75
    assert (shown.roles[0].place, shown.roles[0].since) == (0, 3600)
    stage = cast.Stage(size=(160, 90), floor=70, water=False, palette=shown.palette)
    assert cast.sheets(shown.roles, stage) == []


@pytest.mark.parametrize(
    ("prompt", "motion"),
    [
        ("a bird", "fly"),
        ("a penguin", "walk"),
        ("a dragon", "fly"),
        ("a fish", "swim"),
        ("a ship", "sail"),
        ("a car", "drive"),
        ("a fox", "walk"),
        ("a flying pig", "fly"),
        ("a whale over the city", "fly"),
        ("rain over a forest with two deer", "walk"),
        ("a castle", "stand"),
        ("the moon", "hang"),
        ("a pizza", "sway"),
    ],
)
def test_everything_moves_as_its_kind_does(prompt: str, motion: str) -> None:
    assert cast.motion_of(scene.read(prompt).roles[0]) == motion


def test_moods_follow_words_and_chords_are_pleasant() -> None:
    assert mood.palette_of("a plain thing") is None
    assert mood.mentions("Foxes at DUSK", "dusk fox") == 1
    assert mood.mentions("夕阳下的海", "夕阳 海 雪") == 2
    low, fifth, _ = mood.chord_of(mood.seed_of("a fox"))
    assert fifth / low == pytest.approx(1.5, abs=0.01)
