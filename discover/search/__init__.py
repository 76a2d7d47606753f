"""The search: islands and their archives, who does their tasks, the loop."""

from discover.search.archive import AddStatus, Archive
from discover.search.island import Step
from discover.search.loop import ISLANDS, SearchConfig, SearchResult, search

__all__ = ["ISLANDS", "AddStatus", "Archive", "SearchConfig", "SearchResult", "Step", "search"]
