"""No test of this folder sees the developer's keys, proxies or settings."""

from __future__ import annotations

import os

import pytest

from discover.llm.servers import SERVERS


@pytest.fixture(autouse=True)
def _no_inherited_settings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    keys = {server.key for server in SERVERS} | {server.address for server in SERVERS}
    for name in list(os.environ):
        if name.startswith("OPENAI_") or name.lower().endswith("_proxy") or name in keys:
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("settings")))
