"""Keeps keys out of everything that is shown or stored."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote, urlsplit, urlunsplit

MASK = "***"

_LOOKS_SECRET = re.compile(
    r"(?P<keep>\b(?:bearer|basic)\s+|\b(?:api[-_]?key|authorization|access[-_]token)[\"']?\s*[:=]\s*[\"']?)"
    r"(?P<secret>[A-Za-z0-9._~+/=-]{16,})"
    r"|\bsk-[A-Za-z0-9_-]{16,}"
    r"|(?P<scheme>\b[a-z][a-z0-9+.-]{1,20}://)[^\s/@\"']{1,200}@",
    re.IGNORECASE,
)


class Masker:
    """Replaces known secrets, and text that looks like one, by ``***``."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for secret in secrets if len(secret) >= 4 for form in (secret, quote(secret, safe=""))}
        self._forms = sorted(forms, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for form in self._forms:
            text = text.replace(form, MASK)
        return _LOOKS_SECRET.sub(_masked, text)

    def __repr__(self) -> str:
        return f"Masker({len(self._forms)} secrets)"


def _masked(match: re.Match[str]) -> str:
    if match["scheme"]:
        return f"{match['scheme']}{MASK}@"
    return f"{match['keep'] or ''}{MASK}"


def shown_url(url: str) -> str:
    """The address without user, password, query and fragment, which may hold secrets."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    port = f":{parts.port}" if parts.port else ""
    return urlunsplit((parts.scheme, host + port, parts.path, "", ""))
