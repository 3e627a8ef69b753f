"""Settings: defaults run, later sources win, a wrong one is named with its origin, secrets are masked."""

import json
from pathlib import Path

import pytest

from tollway.settings import InvalidSettings, effective, load, warnings


def test_the_defaults_run() -> None:
    settings = load().settings
    assert settings.database.url == ""
    assert settings.gateway.host == settings.edge.host == "127.0.0.1"


def test_later_sources_win(tmp_path: Path) -> None:
    (tmp_path / "tollway.toml").write_text(
        "[gateway]\nport = 1\nadmin_port = 2\n[edge]\norigin_idle_limit = 3\n"
    )
    loaded = load(
        {"data": str(tmp_path), "gateway.port": 9},
        {"TOLLWAY_GATEWAY__PORT": "8", "TOLLWAY_EDGE__ORIGIN_IDLE_LIMIT": "7"},
    )
    assert (loaded.settings.gateway.port, loaded.settings.edge.origin_idle_limit) == (9, 7)
    assert loaded.settings.gateway.admin_port == 2
    origins = {name: origin for name, _, origin in effective(loaded)}
    assert origins["gateway.port"] == "command line"
    assert origins["edge.origin_idle_limit"] == "environment"
    assert origins["gateway.admin_port"].endswith("tollway.toml")
    assert origins["orders.quote_ttl_s"] == "default"


def test_lists_and_tables_come_from_the_environment_as_json() -> None:
    loaded = load(
        {}, {"TOLLWAY_EDGE__ALLOW_RANGES": '["127.0.0.0/8"]', "TOLLWAY_NETWORK__RPC": '{"*": "a:1"}'}
    )
    assert loaded.settings.edge.allow_ranges == ["127.0.0.0/8"]
    assert loaded.settings.network.rpc == {"*": "a:1"}


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({"TOLLWAY_GATEWAY__PORT": "many"}, "gateway.port"),
        ({"TOLLWAY_GATEWAY__PROT": "1"}, "gateway.prot"),
        ({"TOLLWAY_NOWHERE": "1"}, "nowhere"),
        ({"TOLLWAY_LOG__LEVEL": "LOUD"}, "log.level"),
    ],
)
def test_a_wrong_setting_is_named_with_its_origin(environment: dict[str, str], name: str) -> None:
    with pytest.raises(InvalidSettings, match=rf"^{name} \(from environment\)"):
        load({}, environment)


def test_a_broken_or_missing_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="there is no file"):
        load(file=tmp_path / "missing.toml")
    broken = tmp_path / "tollway.toml"
    broken.write_text("[gateway\n")
    with pytest.raises(InvalidSettings, match="cannot be read"):
        load({"data": str(tmp_path)})


def test_secrets_are_never_shown() -> None:
    shown = repr(
        effective(load({}, {"TOLLWAY_MAIL__PASSWORD": "hunter2", "TOLLWAY_SECURITY__MASTER_KEY": "ab" * 32}))
    )
    assert "hunter2" not in shown
    assert "abab" not in shown


def test_a_password_inside_an_address_is_masked_too() -> None:
    loaded = load({}, {"TOLLWAY_DATABASE__URL": "postgresql://tollway:hunter2@db/tollway"})
    shown = {name: value for name, value, _ in effective(loaded)}
    assert shown["database.url"] == "postgresql://tollway:********@db/tollway"


def test_what_is_unwise_is_said_with_the_reason() -> None:
    assert warnings(load().settings, split=False) == []
    real = {
        "TOLLWAY_PAYMENTS__ENABLED": '["stripe"]',
        "TOLLWAY_PAYMENTS__PROVIDERS__STRIPE__API_KEY": "sk_live_x",
    }
    production = load({}, {"TOLLWAY_ENVIRONMENT": "production", **real}).settings
    said = " ".join(warnings(production, split=True))
    for word in ("SQLite", "development inbox", "https"):
        assert word in said


@pytest.mark.parametrize("enabled", [None, '["mock"]', '["stripe", "mock"]'])
def test_production_is_refused_with_the_payment_mock(enabled: str | None) -> None:
    given = {"TOLLWAY_ENVIRONMENT": "production", "TOLLWAY_PAYMENTS__PROVIDERS__STRIPE__API_KEY": "sk_live_x"}
    if enabled:
        given["TOLLWAY_PAYMENTS__ENABLED"] = enabled
    with pytest.raises(InvalidSettings, match=r"payments\.enabled names mock, .* takes no real money"):
        load({}, given)
    given["TOLLWAY_PAYMENTS__ENABLED"] = '["stripe"]'
    assert load({}, given).settings.section("payments").enabled == ("stripe",)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("api_key", "sk_test_4eC39HqLyjWDarjtT1zdp7dc"),
        ("api_key", "rk_test_4eC39HqLyjWDarjtT1zdp7dc"),
        ("api_key", " sk_test_x "),
        ("api_key", "SK_TEST_x"),
        ("api_key", "sk_org_test_x"),  # of an organization
        ("api_key", "tGN0bIwXnHdwOa85VABjPdSn8nWY7G7I"),  # from before keys named their mode
        ("api_key", "'sk_test_x'"),
        ("api_key", "Bearer sk_test_x"),
        ("api_key", "\u200bsk_test_x"),
        ("api_key", "sk__test_x"),
        ("api_key", "sk-test-x"),
        ("api_key", "ssk_test_x"),
        ("api_key", "pk_live_x"),  # that of a browser
        ("api_key", "whsec_x"),
        ("api_key", "sk_live_"),
        ("api_key", "sk_live_x\nsk_test_x"),
        ("url", "https://127.0.0.1:8020\\.stripe.com"),
        ("url", "https://127.0.0.1:8020%23.stripe.com"),
        ("url", "https://127.0.0.1:8020#.stripe.com"),
        ("url", "https://stripe.com"),
        ("url", "https://.stripe.com"),
        ("url", "http://127.0.0.1:8020"),
        ("url", "http://localhost:8020/"),
        ("url", "https://[::1]:8020"),
        ("url", "https://payments-mock.internal"),
        ("url", "http://api.stripe.com"),
        ("url", "https://api.stripe.com@127.0.0.1:8020"),
        ("url", "https://user@api.stripe.com"),
        ("url", "https://api.stripe.com.example"),
        ("url", "https://notstripe.com"),
        ("url", "https://api.stripe.com:mock"),
        ("url", "//127.0.0.1:8020"),
    ],
)
@pytest.mark.parametrize("by_file", [False, True])
def test_production_is_refused_with_a_provider_that_moves_no_real_money(
    tmp_path: Path, setting: str, value: str, by_file: bool
) -> None:
    stripe = {"api_key": "sk_live_x", "url": "", setting: value}
    environment: dict[str, str] = {}
    if by_file:
        section = "\n".join(f"{name} = {json.dumps(text)}" for name, text in stripe.items())
        (tmp_path / "tollway.toml").write_text(
            'environment = "production"\n[payments]\nenabled = ["stripe"]\n'
            f"[payments.providers.stripe]\n{section}\n"
        )
    else:
        environment = {
            "TOLLWAY_ENVIRONMENT": "production",
            "TOLLWAY_PAYMENTS__ENABLED": '["stripe"]',
            "TOLLWAY_PAYMENTS__PROVIDERS": json.dumps({"stripe": stripe}),
        }
    with pytest.raises(InvalidSettings, match=rf"^payments\.providers\.stripe\.{setting} .*money"):
        load({"data": str(tmp_path)}, environment)


def test_production_runs_on_stripe_itself() -> None:
    for url in ("", "https://api.stripe.com", "https://api.stripe.com/"):
        stripe = {"api_key": "rk_live_x", "url": url}
        assert load(
            {},
            {
                "TOLLWAY_ENVIRONMENT": "production",
                "TOLLWAY_PAYMENTS__ENABLED": '["stripe"]',
                "TOLLWAY_PAYMENTS__PROVIDERS": json.dumps({"stripe": stripe}),
            },
        )


@pytest.mark.parametrize("spelled", ["Production", "PRODUCTION", "prod", " production", "live", ""])
def test_an_environment_that_is_spelled_otherwise_is_refused(spelled: str) -> None:
    # Taking it for development would run a business on the payment mock.
    with pytest.raises(InvalidSettings, match=r"^environment"):
        load({}, {"TOLLWAY_ENVIRONMENT": spelled})


@pytest.mark.parametrize(
    ("currencies", "sentence"),
    [
        ('["USD", "BTC"]', "BTC is not a currency of ISO 4217"),
        ('["usd"]', "usd is not a currency of ISO 4217"),
        ('["XAU"]', "XAU is not a currency of ISO 4217"),
        ('["EUR", "EUR"]', "a currency is listed twice"),
        ("[]", "at least 1 item"),
    ],
)
def test_a_currency_that_cannot_be_counted_is_refused_at_start(currencies: str, sentence: str) -> None:
    with pytest.raises(InvalidSettings, match=sentence):
        load(environment={"TOLLWAY_MONEY__CURRENCIES": currencies})
    assert load().settings.money.currencies == ("USD", "EUR")
