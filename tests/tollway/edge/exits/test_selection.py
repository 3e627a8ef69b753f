"""Which exit: by preferences, by label, by health."""

from types import SimpleNamespace
from typing import Any

from tollway.edge.exits import Exit, ExitPreferences
from tollway.edge.exits.selection import ExitSelection
from tollway.edge.refusal import NO_EXIT


def an_exit(name: str, country: str, location: str = "residential") -> Exit:
    provider: Any = SimpleNamespace(healthy=True)
    return Exit(name, provider, location, frozenset({("country", country)}))


US = ExitPreferences((("country", "us"),))


def test_a_preference_that_no_exit_serves_is_refused() -> None:
    selection = ExitSelection([an_exit("a", "us"), an_exit("b", "de")])
    assert selection.select("res_1", ExitPreferences((("country", "fr"),))) is NO_EXIT
    assert selection.select("res_1", US._replace(location="direct")) is NO_EXIT
    chosen = selection.select("res_1", US)
    assert isinstance(chosen, Exit)
    assert chosen.name == "a"


def test_without_a_label_exits_take_turns() -> None:
    exits = [an_exit(name, "us") for name in "abc"]
    selection = ExitSelection(exits)
    assert [selection.select("res_1", US) for _ in range(6)] == exits * 2


def test_a_label_keeps_its_exit_while_that_is_healthy_and_others_stay() -> None:
    exits = [an_exit(name, "us") for name in "abcdef"]
    selection = ExitSelection(exits)
    labels = [US._replace(label=f"s{number}") for number in range(40)]
    first = [selection.select("res_1", label) for label in labels]
    assert first == [selection.select("res_1", label) for label in labels]
    assert len({id(each) for each in first}) > 3
    gone: Any = first[0]
    gone.provider.healthy = False
    second = [selection.select("res_1", label) for label in labels]
    assert gone not in second
    assert all(now is before for now, before in zip(second, first, strict=True) if before is not gone)
