"""Conventions for the names of weights, for sources that do not state what a tensor is."""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = [
    "RECURRENT",
    "attention_kind",
    "is_conv1d",
    "is_embedding",
    "is_experts",
    "is_fused",
    "is_part",
]

# The last word of a name that says "weight" only.
_WEIGHT = re.compile(r"([./](weights?|kernel|w|vars/\d+|original1?)(:0)?)+$")
_EMBEDDING = re.compile(
    r"(?i)(^|[._/])(\w*_)?(emb|embeds?|embeddings?|embd|embed_(tokens|positions|in)|wte|wpe|"
    r"token_types|relative_attention_bias|relative_position_bias_table|(cls|mask)_token)$"
)
_EXPERTS = re.compile(r"(?i)experts?([._/]|$)|_exps([._/]|$)")
# Keys of `torch.nn.utils.parametrize` in state dicts.
_PART = re.compile(r"(^|\.)parametrizations\.[^.]+\.original\d*$")
# weight_ih_l0_reverse of PyTorch, and shorter names.
RECURRENT = re.compile(r"(^|[._/]|\w_)(weight|w)_(?P<side>ih|hh|hr)(_l\d+)?(_reverse)?$")
_FUSED = re.compile(
    r"(^|[._/])(in_proj_weight|(to_|attn_|c_)?qkv(_proj)?|Wqkv|c_attn|query_key_value)$"
)
_ATTENTION = r"(?i)(attn|attention)\w*([._/]\w+)?[._/]"
_KINDS = (
    ("query", r"(^|[._/])((attn_)?q(_proj|_lin)?(_weight)?|to_q|wq|query(_dense)?)$"),
    ("key", r"(^|[._/])((attn_)?k(_proj|_lin)?(_weight)?|to_k|wk|key(_dense)?)$"),
    ("value", r"(^|[._/])((attn_)?v(_proj|_lin)?(_weight)?|to_v|wv|value(_dense)?)$"),
    ("attention output", r"(^|[._/])(o_proj|to_out([._]0)?|attn_output|attention_output)$"),
    ("attention output", _ATTENTION + r"(out_proj|out_lin|o|wo|c_proj|proj|dense|output_dense)$"),
)
# The layers of GPT-2 whose weights are stored with the inputs first, in the original code.
_CONV1D = re.compile(
    r"^(?P<block>(.*[._/])?h\.\d+\.)((cross)?attn(ention)?\.(c_attn|q_attn|c_proj)|"
    r"mlp\.(c_fc|c_proj))\.weight$"
)


def stem(name: str) -> str:
    """Return the name of the layer of a weight.

    Examples
    --------
    >>> stem("model.layers.0.self_attn.q_proj.weight")
    'model.layers.0.self_attn.q_proj'
    """
    return _WEIGHT.sub("", name)


def is_embedding(name: str) -> bool:
    """Return whether a name is that of an embedding table."""
    return _EMBEDDING.search(stem(name)) is not None


def is_experts(name: str) -> bool:
    """Return whether a name is that of the stacked matrices of a mixture of experts."""
    return _EXPERTS.search(name) is not None


def is_part(name: str) -> bool:
    """Return whether a name is that of a tensor behind a parametrisation of PyTorch.

    Examples
    --------
    >>> is_part("0.parametrizations.weight.original1"), is_part("0.weight")
    (True, False)
    """
    return _PART.search(name) is not None


def is_fused(name: str) -> bool:
    """Return whether a name is that of query, key and value in one matrix."""
    return _FUSED.search(stem(name)) is not None


def attention_kind(name: str) -> str | None:
    """Return query, key, value or attention output; None for other names.

    Single letters count only inside a module whose name says that it is attention.
    """
    short = stem(name)
    for kind, pattern in _KINDS:
        if re.search(pattern, short):
            letter = re.search(r"(^|[._/])[qkv]$", short)
            if letter is None or re.search(_ATTENTION + r"\w$", short):
                return kind
    return None


def is_conv1d(name: str, shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Return whether a weight has the names of GPT-2 and is stored with the inputs first.

    The same names are in use for layers that are stored with the outputs first, so that the shapes
    decide: c_attn has three times as many outputs as inputs, and c_fc more outputs than inputs.
    """
    found = _CONV1D.match(name)
    if found is None:
        return False
    for other, ratio in (("attn.c_attn.weight", 3), ("mlp.c_fc.weight", 2)):
        shape = shapes.get(f"{found['block']}{other}", ())
        if len(shape) == 2:
            return shape[1] >= ratio * shape[0]
    return False
