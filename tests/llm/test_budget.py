"""Caps hold for calls in flight too; prices are data."""

from __future__ import annotations

from pathlib import Path

import pytest

from discover.errors import InputError
from discover.llm.budget import Budget, Caps, Price, Refusal, find_price, load_prices
from discover.llm.provider import Message, Request, Usage

PRICE = Price(prompt=1.0, answer=10.0)


def request(number: int) -> Request:
    return Request((Message("user", "x" * 211),), max_tokens=100, number=number)  # 96 + 4 + 100 tokens


def test_reservations_count_until_they_are_settled() -> None:
    budget = Budget(Caps(calls=None, tokens=450, cost=None), None)
    for number in range(2):
        assert budget.refusal(request(number)) is None
        budget.reserve(request(number))
    refusal = budget.refusal(request(2))
    assert refusal is not None
    assert "450 tokens" in refusal.reason
    assert not refusal.final  # the calls in flight may turn out cheaper
    budget.settle(0, Usage(50, 10))
    budget.settle(1, Usage(50, 10))
    assert budget.refusal(request(2)) is None
    assert (budget.spent.calls, budget.spent.tokens, budget.spent.cost) == (2, 120, None)


def test_calls_and_money_are_capped() -> None:
    refusal = Budget(Caps(calls=0), None).refusal(request(0))
    assert refusal == Refusal("the cap of 0 calls is reached", final=True)
    budget = Budget(Caps(cost=0.0015), PRICE)  # one call may cost 0.0011
    budget.reserve(request(0))
    assert "0.0015" in str(budget.refusal(request(1)))
    budget.settle(0, Usage(100, 10, estimated=True))
    assert budget.spent.cost == pytest.approx(0.0002)
    assert budget.spent.estimated


def test_a_shorter_answer_uses_what_a_cap_leaves() -> None:
    budget = Budget(Caps(calls=None, tokens=250, cost=None), None)
    budget.settle(0, Usage(60, 40))  # leaves 150 tokens, 50 of them for an answer
    assert budget.room(request(1)) == 50
    assert budget.refusal(request(1), least=40) is None
    refusal = budget.refusal(request(1), least=60)
    assert refusal is not None
    assert refusal.final


def test_calls_without_a_token_do_not_use_up_the_cap_of_calls() -> None:
    budget = Budget(Caps(calls=1), None)
    for number in range(9):
        budget.reserve(request(number))
        budget.settle(number, Usage())
    assert budget.refusal(request(9)) is None
    budget.settle(9, Usage(10, 5))
    assert budget.refusal(request(10)) is not None
    assert budget.spent.calls == 10


def test_without_a_price_only_tokens_are_counted() -> None:
    budget = Budget(Caps(cost=0.0), None)
    assert budget.refusal(request(0)) is None


@pytest.mark.parametrize("caps", [{"calls": -1}, {"tokens": -1}, {"cost": float("nan")}])
def test_a_cap_that_is_no_cap_is_refused(caps: dict[str, float]) -> None:
    with pytest.raises(InputError, match="at least 0"):
        Caps(**caps)  # type: ignore[arg-type]


def test_shipped_prices_and_dated_names() -> None:
    prices = load_prices()
    assert find_price(prices, "gpt-4o-2024-08-06") == prices["gpt-4o"]
    assert find_price(prices, "gpt-4o-mini") == prices["gpt-4o-mini"]
    assert find_price(prices, "gpt-4o-nano") is None
    assert all(price.answer >= price.prompt > 0 for price in prices.values())


def test_a_users_file_wins(tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    path.write_text('[models."gpt-4o"]\nprompt = 1\nanswer = 2.5\n[models.mine]\nprompt = 0\nanswer = 0\n')
    prices = load_prices(path)
    assert prices["gpt-4o"] == Price(1.0, 2.5)
    assert prices["mine"] == Price(0.0, 0.0)
    assert "o3" in prices


@pytest.mark.parametrize(
    "text",
    [
        "models = 3",
        "[model.x]\nprompt=1\nanswer=1",
        "[models.x]\nprompt=1",
        "[models.x]\nprompt=1\nanswer=-1",
        "[models.x]\nprompt=true\nanswer=1",
        "nonsense",
    ],
)
def test_a_wrong_price_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"prices\.toml"):
        load_prices(path)
