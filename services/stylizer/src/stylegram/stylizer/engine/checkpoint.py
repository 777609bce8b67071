"""A run cut off after an evaluation: all that it takes to go on to the same picture.

Stored as safetensors, with a digest behind it: nothing is unpickled, and what was damaged is not taken for pixels.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load, save
from torch import Tensor

from stylegram.common.errors import InvalidCheckpoint
from stylegram.common.hyperparameters import Hyperparameters

_FORMAT = 2
"""Raised whenever what is stored changes its meaning."""
_DIGEST_BYTES = 32
_FACTS = "facts"
_NOTE = "note."
_STATE = "state."


@dataclass(frozen=True)
class Checkpoint:
    """Where a run was.

    Args:
        fingerprint: of what was painted from what and how, see `fingerprint`.
        facts: plain values, which JSON can hold.
        state: tensors.
        notes: what the caller wants to have back, by name.
    """

    fingerprint: str
    facts: Mapping[str, Any]
    state: Mapping[str, Tensor]
    notes: Mapping[str, bytes] = field(default_factory=dict)

    def pack(self) -> bytes:
        """As bytes."""
        facts = {"format": _FORMAT, "fingerprint": self.fingerprint, **self.facts}
        tensors = {_FACTS: _as_tensor(json.dumps(facts).encode())}
        tensors |= {_NOTE + name: _as_tensor(note) for name, note in self.notes.items()}
        stored: set[int] = set()
        for name, tensor in self.state.items():
            copy = tensor.detach().cpu().contiguous()
            # safetensors takes no two tensors of the same memory.
            tensors[_STATE + name] = copy.clone() if copy.data_ptr() in stored else copy
            stored.add(copy.data_ptr())
        body = save(tensors)
        return body + sha256(body).digest()

    @classmethod
    def unpack(cls, data: bytes) -> "Checkpoint":
        """From bytes.

        Raises:
            InvalidCheckpoint: not a checkpoint, damaged, or of another version.
        """
        try:
            body, digest = data[:-_DIGEST_BYTES], data[-_DIGEST_BYTES:]
            if sha256(body).digest() != digest:
                raise ValueError("it is cut off, damaged, or no checkpoint at all")
            tensors = load(body)
            facts = json.loads(_as_bytes(tensors.pop(_FACTS)))
            known, mark = facts.pop("format") == _FORMAT, facts.pop("fingerprint")
        except Exception as error:  # readers raise whatever they please on damaged bytes
            raise InvalidCheckpoint(f"The checkpoint cannot be read: {error}.") from error
        if not known:
            raise InvalidCheckpoint("The checkpoint was written by another version of the engine.")
        notes = {name.removeprefix(_NOTE): _as_bytes(each) for name, each in tensors.items() if name.startswith(_NOTE)}
        state = {name.removeprefix(_STATE): each for name, each in tensors.items() if name.startswith(_STATE)}
        return cls(mark, facts, state, notes)


def fingerprint(
    hyperparameters: Hyperparameters, weights_digest: str, images: list[Image.Image | None], device: torch.device
) -> str:
    """Tells runs apart that must not go on from each other's checkpoints: 64 hexadecimal digits. Other versions of the
    engine or of torch, and other kinds of device, compute other pictures.

    Args:
        hyperparameters: how it is painted.
        weights_digest: by which network.
        images: from what; None holds the place of one that is not given.
        device: where; only its kind counts.
    """
    surroundings = f"{version('stylegram-stylizer')} {torch.__version__} {device.type}"
    digest = sha256(f"{hyperparameters.model_dump_json()} {weights_digest} {surroundings}".encode())
    for image in images:
        digest.update(b"none" if image is None else f"{image.mode} {image.size}".encode() + image.tobytes())
    return digest.hexdigest()


def _as_tensor(data: bytes) -> Tensor:
    return torch.from_numpy(np.frombuffer(data, np.uint8).copy())


def _as_bytes(tensor: Tensor) -> bytes:
    return tensor.numpy().tobytes()
