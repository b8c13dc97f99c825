"""The configuration: defaults, the environment on top, and a sentence for every mistake."""

import itertools
import os
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from bot.app.providers import FACTORIES
from bot.domain.limits import Limits, Period
from bot.settings import Settings, SettingsError, load
from bot.settings.sources import _paths

Written = Callable[[str], Path]
EXAMPLE = Path(__file__).parents[2] / "config.example.toml"


def problems(path: Path | None, environ: dict[str, str] | None = None) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load(path, environ or {})
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Written:
    monkeypatch.chdir(tmp_path)

    def write(text: str) -> Path:
        Path("config.toml").write_text(text, encoding="utf-8")
        return Path("config.toml")

    return write


def test_the_example_holds_every_key_with_its_default() -> None:
    reported = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    listed: set[tuple[str, ...]] = set()

    def walk(table: dict[str, object], path: tuple[str, ...]) -> None:
        for key, value in table.items():
            if isinstance(value, dict) and value:
                walk(value, (*path, key))
            else:
                listed.add((*path, key))

    walk(reported, ())
    assert listed == set(_paths())
    assert load(EXAMPLE, {}) == Settings()


def test_every_key_of_the_example_has_a_sentence() -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    bare = {"api_key", "api_url"}  # said once, above the sections of the providers
    for before, line in itertools.pairwise(lines):
        if (key := re.match(r"(\w+) =", line)) and key[1] not in bare:
            assert before.startswith("# "), line


def test_without_a_file_the_defaults_hold(written: Written) -> None:
    settings = load(None, {})
    assert settings.http.port == 8080
    assert settings.limits.as_limits() == Limits(
        videos=10, seconds=0, period=Period.DAY, concurrent=3, cooldown=0
    )
    assert settings.providers.enabled() == ()


def test_a_config_file_in_the_current_folder_is_found(written: Written) -> None:
    written("[http]\nport = 99")
    assert load(None, {}).http.port == 99


def test_the_environment_wins_over_the_file(written: Written) -> None:
    file = written('[http]\nport = 99\n[log]\nlevel = "error"')
    settings = load(
        file,
        {
            "RETAKE__HTTP__PORT": "0",
            "RETAKE__PROVIDERS__EVOLINK__API_KEY": "k-evolink",
            "RETAKE__PROVIDERS__APIMART__API_KEY": "k-apimart",
            "RETAKE__PROVIDERS__ORDER": "apimart, evolink",
            "RETAKE__PROVIDERS__DEFAULT": "apimart",
            "RETAKE__PROVIDERS__EVOLINK__MODELS": '{ "omni-flash" = { text = { default = 5 } } }',
            "RETAKE__LIMITS__PERIOD": "week",
            "PATH": "/bin",
        },
    )
    assert settings.http.port == 0
    assert settings.log.level == "error"
    assert settings.providers.enabled() == ("apimart", "evolink")
    assert settings.providers.order == ("apimart", "evolink")
    assert settings.providers.evolink.models == {"omni-flash": {"text": {"default": 5}}}
    assert settings.limits.as_limits().period is Period.WEEK


def test_a_key_that_earlier_versions_had_is_ignored(written: Written) -> None:
    file = written('[media]\nffmpeg = "/opt/ffmpeg"\nretention_days = 7')
    assert load(file, {"RETAKE__MEDIA__FFMPEG": "/opt/ffmpeg"}).media.retention_days == 7


def test_an_order_may_be_written_as_toml_in_the_environment(written: Written) -> None:
    settings = load(None, {"RETAKE__PROVIDERS__ORDER": '["apimart"]'})
    assert settings.providers.order == ("apimart",)


@pytest.mark.parametrize(
    ("written_as", "allowed"),
    [("12", (12,)), ("12, 34", (12, 34)), ('["12", 34]', (12, 34)), ("", ()), ("[]", ())],
)
def test_allowed_servers_in_the_environment(written_as: str, allowed: tuple[int, ...]) -> None:
    settings = load(None, {"RETAKE__DISCORD__ALLOWED_SERVERS": written_as})
    assert settings.discord.allowed_servers == allowed


def test_a_provider_left_out_of_the_order_still_works_as_the_last(written: Written) -> None:
    settings = load(
        written('[providers]\ndefault = "evolink"\norder = []'),
        {
            "RETAKE__PROVIDERS__EVOLINK__API_KEY": "e",
            "RETAKE__PROVIDERS__APIMART__API_KEY": "a",
        },
    )
    assert settings.providers.enabled() == ("evolink", "apimart")


def test_every_provider_with_a_section_can_be_built() -> None:
    assert list(FACTORIES) == list(Settings().providers.sections())


def test_loopback_may_be_plain(written: Written) -> None:
    settings = load(
        written(
            '[discord]\napi_url = "http://127.0.0.1:1/api/v10/"\n'
            'gateway_url = "ws://localhost:1/gateway"\n'
            '[providers.evolink]\napi_url = "http://[::1]:8900/evolink"\n'
            '[http]\npublic_url = "http://127.0.0.1:8080/"'
        ),
        {},
    )
    assert settings.discord.api_url == "http://127.0.0.1:1/api/v10"
    assert settings.providers.evolink.api_url == "http://[::1]:8900/evolink"
    assert settings.http.public_url == "http://127.0.0.1:8080"


def test_a_provider_may_have_mirrors(written: Written) -> None:
    file = written(
        "[providers.apimart]\napi_url = ['https://api.apimart.ai/v1', 'https://b.example']"
    )
    assert load(file, {}).providers.apimart.api_url == (
        "https://api.apimart.ai/v1",
        "https://b.example",
    )
    variable = {"RETAKE__PROVIDERS__APIMART__API_URL": "https://a.example, https://b.example"}
    assert load(None, variable).providers.apimart.api_url == (
        "https://a.example",
        "https://b.example",
    )
    one = {"RETAKE__PROVIDERS__APIMART__API_URL": "https://a.example"}
    assert load(None, one).providers.apimart.api_url == ("https://a.example",)


BAD_FILES = [
    (
        "[providers.apimart]\napi_url = ['https://a.example', 'ftp://b.example']",
        (
            'config.toml: [providers.apimart] api_url is ["https://a.example",'
            ' "ftp://b.example"]; it must be an https:// address (plain http:// only on'
            " loopback), or a list of several that serve the same account."
        ),
    ),
    (
        "[providers.apimart]\napi_url = []",
        (
            "config.toml: [providers.apimart] api_url is []; it must be an https:// address"
            " (plain http:// only on loopback), or a list of several that serve the same account."
        ),
    ),
    (
        "[http]\nport = 99999",
        (
            "config.toml: [http] port is 99999; it must be a whole number from 0 to 65535 (0"
            " takes any free port)."
        ),
    ),
    (
        "[http]\nport = true",
        (
            "config.toml: [http] port is true; it must be a whole number from 0 to 65535 (0"
            " takes any free port)."
        ),
    ),
    *(
        (
            f"[network]\nproxy = '{wrong}'",
            (
                'config.toml: [network] proxy is invalid; it must be "http://", "https://" or'
                ' "socks5://", a host and a port, with user:password@ before the host where'
                " needed; empty for no proxy."
            ),
        )
        for wrong in (
            "ftp://mira:hunter2@proxy.example:21",
            "mira:hunter2@proxy.example:1080",
            "socks5://mira:hunter2@",
            "http://mira:hunter2@proxy.example:99999",
            "http://proxy.example/hunter2",
        )
    ),
    (
        "[http]\nprot = 80",
        'config.toml: [http] has no "prot"; did you mean "port"?',
    ),
    (
        "[htp]\nport = 80",
        'config.toml: The top level has no "htp"; did you mean [http]?',
    ),
    (
        "port = 80",
        'config.toml: The top level has no "port"; did you mean "port" in [http]?',
    ),
    (
        "[providers.evolnk]\napi_key = 'hunter2'",
        'config.toml: [providers] has no "evolnk"; did you mean [providers.evolink]?',
    ),
    (
        "[providers.google]\napi_key = 'hunter2'",
        (
            'config.toml: [providers] has no "google"; it has default, order, default_model,'
            " poll_lambda, evolink, apimart."
        ),
    ),
    (
        "[log]\ncolour = 1",
        'config.toml: [log] has no "colour"; it has level, format.',
    ),
    ("http = 3", "config.toml: http is a section: write it as [http]."),
    (
        "[log]\nlevel = 'loud'",
        (
            'config.toml: [log] level is "loud"; it must be one of "debug", "info", "warning",'
            ' "error".'
        ),
    ),
    (
        "[discord]\napi_url = 'http://discord.com/api/v10'",
        (
            'config.toml: [discord] api_url is "http://discord.com/api/v10"; it must be an https://'
            " address (plain http:// only on loopback)."
        ),
    ),
    (
        "[discord]\ngateway_url = 'ws://127.0.0.1.example.com/'",
        (
            'config.toml: [discord] gateway_url is "ws://127.0.0.1.example.com/"; it must be a wss://'
            " address (plain ws:// only on loopback)."
        ),
    ),
    (
        "[http]\npublic_url = 'https://me:hunter2@example.com/?key=hunter2'",
        (
            'config.toml: [http] public_url is "https://***@example.com/?***"; it must be an https://'
            " address (plain http:// only on loopback), or empty for no callbacks."
        ),
    ),
    (
        "[providers.evolink]\napi_url = 'https://example.com:port'",
        (
            'config.toml: [providers.evolink] api_url is "https://example.com:port"; it must be an'
            " https:// address (plain http:// only on loopback)."
        ),
    ),
    (
        "[discord]\ntoken = 2002",
        "config.toml: [discord] token is invalid; it must be text in quotes.",
    ),
    (
        "[discord]\nallowed_servers = ['my server']",
        (
            'config.toml: [discord] allowed_servers is ["my server"]; it must be a list of'
            " servers' ids; an empty one allows every server."
        ),
    ),
    (
        "[discord]\nallowed_servers = [0]",
        (
            "config.toml: [discord] allowed_servers is [0]; it must be a list of"
            " servers' ids; an empty one allows every server."
        ),
    ),
    (
        "[database]\nurl = 'mysql://root:hunter2@db/x'",
        (
            'config.toml: [database] url is invalid; it must be "sqlite+aiosqlite:///" and a'
            ' path, or "postgresql+asyncpg://" and a server.'
        ),
    ),
    (
        "[providers]\norder = ['evolink', 'evolink']",
        (
            'config.toml: [providers] order is ["evolink", "evolink"]; it must be a list of'
            ' "evolink", "apimart", each at most once.'
        ),
    ),
    (
        "[providers]\norder = ['evolink', 'openai', 'sora']",
        (
            'config.toml: [providers] order is ["evolink", "openai", "sora"]; it must be a list of'
            ' "evolink", "apimart", each at most once.'
        ),
    ),
    (
        "[providers]\npoll_lambda = nan",
        "config.toml: [providers] poll_lambda is NaN; it must be seconds, from 0.01 to 60.",
    ),
    (
        "[limits]\nvideos = -1",
        (
            "config.toml: [limits] videos is -1; it must be a whole number, 0 or more (0 means no"
            " limit)."
        ),
    ),
    (
        "[http\nport = 80",
        (
            "config.toml is not valid TOML: Expected ']' at the end of a table declaration (at line"
            " 1, column 6)."
        ),
    ),
]


@pytest.mark.parametrize(("text", "sentence"), BAD_FILES)
def test_a_mistake_in_the_file_is_reported_in_one_sentence(
    written: Written, text: str, sentence: str
) -> None:
    assert problems(written(text)) == (sentence,)


BAD_VARIABLES = [
    (
        {"RETAKE__HTTP__PROT": "80"},
        ("Unknown environment variable RETAKE__HTTP__PROT; did you mean RETAKE__HTTP__PORT?"),
    ),
    (
        {"RETAKE__HTTP": "80"},
        "Unknown environment variable RETAKE__HTTP; did you mean RETAKE__HTTP__PORT?",
    ),
    (
        {"RETAKE__QQ": "hunter2"},
        "Unknown environment variable RETAKE__QQ; config.example.toml lists every key.",
    ),
    (
        {"RETAKE__HTTP__PORT": "eighty"},
        (
            'RETAKE__HTTP__PORT in the environment is "eighty"; it must be a whole number from 0 to'
            " 65535 (0 takes any free port)."
        ),
    ),
    (
        {"RETAKE__PROVIDERS__EVOLINK__MODELS": "omni"},
        (
            'RETAKE__PROVIDERS__EVOLINK__MODELS in the environment is "omni"; it must be tables of'
            " catalogue entries."
        ),
    ),
]


@pytest.mark.parametrize(("environ", "sentence"), BAD_VARIABLES)
def test_a_mistake_in_the_environment_names_the_variable(
    written: Written, environ: dict[str, str], sentence: str
) -> None:
    assert problems(None, environ) == (sentence,)


def test_all_problems_are_reported_at_once(written: Written) -> None:
    file = written("[http]\nport = -1\n[lgo]\nlevel = 'info'\n[limits]\nperiod = 'year'")
    assert len(problems(file, {"RETAKE__LOG__FROMAT": "json"})) == 4


def test_a_variable_over_a_section_that_is_no_section_is_reported(written: Written) -> None:
    reported = problems(written("http = 3"), {"RETAKE__HTTP__PORT": "80"})
    assert reported == ("config.toml: http is a section: write it as [http].",)


def test_a_file_that_was_named_must_exist(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere.toml"
    assert problems(missing) == (
        f"{missing} does not exist: copy config.example.toml to it and fill it in.",
    )


def test_a_folder_or_binary_in_place_of_the_file_is_reported(tmp_path: Path) -> None:
    (sentence,) = problems(tmp_path)
    assert sentence.startswith(f"{tmp_path} is a folder, not a file.")
    assert "config.example.toml" in sentence
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    assert problems(binary) == (f"{binary} is not UTF-8 text: save it as UTF-8.",)


def test_a_file_that_may_not_be_read_names_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "config.toml"
    closed.write_text("", encoding="utf-8")

    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    # Root reads every file, whatever its mode.
    monkeypatch.setattr(Path, "read_text", refuse)
    (sentence,) = problems(closed)
    assert f"can't be read by user {os.getuid()}" in sentence


def test_no_problem_ever_holds_a_secret(written: Written) -> None:
    for text, _ in BAD_FILES:
        assert "hunter2" not in "".join(problems(written(text)))


def test_secrets_do_not_show_and_can_be_listed(written: Written) -> None:
    settings = load(
        written("[database]\nurl = 'postgresql+asyncpg://retake:s3cret-db@db/retake'"),
        {
            "RETAKE__DISCORD__TOKEN": "s3cret-token",
            "RETAKE__PROVIDERS__APIMART__API_KEY": "s3cret-k",
            "RETAKE__NETWORK__PROXY": "socks5://mira:s3cret%2Dp@proxy.example:1080",
        },
    )
    assert "s3cret" not in repr(settings)
    assert "s3cret" not in str(settings)
    assert settings.secret_values() == {
        "s3cret-token",
        "s3cret-k",
        "s3cret-db",
        "socks5://mira:s3cret%2Dp@proxy.example:1080",
        "s3cret%2Dp",
        "s3cret-p",
    }


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        Settings().http.port = 1  # type: ignore[misc]


def test_what_the_bot_needs_to_run() -> None:
    assert Settings().problems_for_run() == [
        "The Discord token is missing: set [discord] token, or RETAKE__DISCORD__TOKEN.",
        (
            "No provider has a key: set api_key in [providers.evolink] or [providers.apimart],"
            " or RETAKE__PROVIDERS__EVOLINK__API_KEY."
        ),
    ]
    token = {"RETAKE__DISCORD__TOKEN": "t"}
    ready = load(EXAMPLE, token | {"RETAKE__PROVIDERS__APIMART__API_KEY": "k"})
    assert ready.problems_for_run() == []
    assert ready.discord.token == SecretStr("t")


def test_a_token_and_one_key_complete_the_example(tmp_path: Path) -> None:
    filled = EXAMPLE.read_text(encoding="utf-8")
    for empty, text in (('token = ""', 'token = "a token"'), ('api_key = ""', 'api_key = "a key"')):
        filled = filled.replace(empty, text, 1)
    config = tmp_path / "config.toml"
    config.write_text(filled, encoding="utf-8")
    assert load(config).problems_for_run() == []
