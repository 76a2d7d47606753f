"""Caps hold for calls in flight too; prices are data."""

from __future__ import annotations

from pathlib import Path

import pytest

from discover.errors import InputError
from discover.llm.budget import Budget, Caps, Price, find_price, load_prices
from discover.llm.provider import Message, Request, Usage

PRICE = Price(prompt=1.0, answer=10.0)


def request(number: int) -> Request:
    return Request((Message("user", "x" * 288),), max_tokens=100, number=number)  # 96 + 4 + 100 tokens


def test_reservations_count_until_they_are_settled() -> None:
    budget = Budget(Caps(calls=None, tokens=450, cost=None), None)
    for number in range(2):
        assert budget.refusal(request(number)) is None
        budget.reserve(request(number))
    assert "450 tokens" in str(budget.refusal(request(2)))
    budget.settle(0, Usage(50, 10))
    budget.settle(1, Usage(50, 10))
    assert budget.refusal(request(2)) is None
    assert (budget.spent.calls, budget.spent.tokens, budget.spent.cost) == (2, 120, None)


def test_calls_and_money_are_capped() -> None:
    assert "0 calls" in str(Budget(Caps(calls=0), None).refusal(request(0)))
    budget = Budget(Caps(cost=0.0015), PRICE)  # one call may cost 0.0011
    budget.reserve(request(0))
    assert "0.0015" in str(budget.refusal(request(1)))
    budget.settle(0, Usage(100, 10, estimated=True))
    assert budget.spent.cost == pytest.approx(0.0002)
    assert budget.spent.estimated


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
