"""A real inference engine on a tiny model of random weights, behind HTTP. It writes no good formulas.

The model is a llama of one layer with a byte-level vocabulary, written on the spot: what it proves is that
a tokenizer, a forward pass, a sampler and a constrained decoder accept what we send.
"""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np

from .servers import Step, chat

CONTEXT = 8192


def write_model(path: Path, *, width: int = 64, heads: int = 4, hidden: int = 128, seed: int = 0) -> None:
    """A GGUF file of about 300 kB with random weights."""
    import gguf

    rng = np.random.default_rng(seed)
    merges = ["e x", "l o", "ex p", "lo g"]
    control = ["<|bos|>", "<|endoftext|>", "<|im_start|>", "<|im_end|>"]  # engines look for these names
    tokens = [*_byte_symbols(), *(merge.replace(" ", "") for merge in merges), *control]
    kinds = [gguf.TokenType.NORMAL] * (len(tokens) - 4) + [gguf.TokenType.CONTROL] * 4
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(width)
    writer.add_block_count(1)
    writer.add_feed_forward_length(hidden)
    writer.add_head_count(heads)
    writer.add_head_count_kv(heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(width // heads)
    writer.add_vocab_size(len(tokens))
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(tokens.index("<|bos|>"))
    writer.add_eos_token_id(tokens.index("<|endoftext|>"))
    writer.add_eot_token_id(tokens.index("<|im_end|>"))
    writer.add_add_bos_token(False)
    writer.add_chat_template(
        "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )

    def random_tensor(*shape: int) -> Any:
        return (rng.standard_normal(shape) * 0.02).astype(np.float32)

    ones = np.ones(width, np.float32)
    writer.add_tensor("token_embd.weight", random_tensor(len(tokens), width))
    writer.add_tensor("output_norm.weight", ones)
    writer.add_tensor("output.weight", random_tensor(len(tokens), width))
    writer.add_tensor("blk.0.attn_norm.weight", ones)
    writer.add_tensor("blk.0.ffn_norm.weight", ones)
    for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
        writer.add_tensor(f"blk.0.{name}.weight", random_tensor(width, width))
    writer.add_tensor("blk.0.ffn_gate.weight", random_tensor(hidden, width))
    writer.add_tensor("blk.0.ffn_up.weight", random_tensor(hidden, width))
    writer.add_tensor("blk.0.ffn_down.weight", random_tensor(width, hidden))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _byte_symbols() -> list[str]:
    """The printable stand-ins of the 256 bytes in a byte-level vocabulary."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    symbols = {byte: chr(byte) for byte in plain}
    symbols |= {byte: chr(256 + i) for i, byte in enumerate(others)}
    return [symbols[byte] for byte in range(256)]


class Engine:
    """Answers chat completions with the engine; one at a time, because the engine is not thread-safe."""

    def __init__(self, folder: Path) -> None:
        os.environ.setdefault("RAYON_NUM_THREADS", "1")
        os.environ.setdefault("MISTRALRS_CPU_KV_F32", "1")
        os.environ.setdefault("RUST_LOG", "error")
        from mistralrs import Runner, Which

        write_model(folder / "tiny.gguf")
        which = Which.GGUF(quantized_model_id=str(folder), quantized_filename="tiny.gguf")
        self._runner = Runner(which=which, token_source="none")
        self._lock = threading.Lock()

    def __call__(self, body: Any) -> Step:
        from mistralrs import ChatCompletionRequest

        form = body.get("response_format", {})
        kind = grammar = None
        if form.get("type") == "json_schema":
            schema = dict(form["json_schema"]["schema"]) | {"x-guidance": {"whitespace_flexible": False}}
            kind, grammar = "json_schema", json.dumps(schema)
        request = ChatCompletionRequest(
            model="default",
            messages=body["messages"],
            temperature=body.get("temperature", 1.0),
            max_tokens=body.get("max_completion_tokens") or body.get("max_tokens") or 1024,
            grammar_type=kind,
            grammar=grammar,
        )
        try:
            with self._lock:
                reply = self._runner.send_chat_completion_request(request)
        except Exception as error:
            return Step({"error": {"message": str(error)}}, 400)
        choice = reply.choices[0]
        usage = (reply.usage.prompt_tokens, reply.usage.completion_tokens)
        return Step(chat(choice.message.content, finish=choice.finish_reason, usage=usage))
