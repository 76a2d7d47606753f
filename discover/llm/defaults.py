"""What holds for a language model where nobody says otherwise; options, their help, settings and caps read it here."""

from __future__ import annotations

TIMEOUT_S = 180.0  # of one call, with all attempts and waits
CONTEXT = 8192  # tokens of prompt and answer together
ANSWER_TOKENS = 2048  # of the answer, the model's thoughts included
PARALLEL = 2  # calls in flight
PROPOSALS = 4  # formulas asked for in a call
CALLS = 100  # caps of a run
TOKENS = 1_000_000
COST = 1.0  # US dollars
