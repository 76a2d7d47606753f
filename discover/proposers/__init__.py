"""Proposers: who suggests candidates."""

from discover.proposers.base import Proposer, Told
from discover.proposers.candidate import Candidate

__all__ = ["Candidate", "Proposer", "Told"]
