"""The search: archive, pool of workers, loop."""

from discover.search.archive import AddStatus, Archive
from discover.search.guests import Guest
from discover.search.loop import BROUGHT, SearchConfig, SearchResult, Step, search

__all__ = ["BROUGHT", "AddStatus", "Archive", "Guest", "SearchConfig", "SearchResult", "Step", "search"]
