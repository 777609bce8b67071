"""`stylegram stylize` on files, as a person runs it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import av
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageSequence

from stylegram.common.errors import (
    ConfigurationError,
    Interrupted,
    InvalidCheckpoint,
    InvalidHyperparameters,
    InvalidImage,
    StylegramError,
)
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.picture_features import features_of
from stylegram.common.records import RunRecord
from stylegram.local.single import Outputs, Pictures, stylize_files
from stylegram.stylizer.engine import Step
from stylegram.stylizer.settings import StylizerSettings
from stylizer_fakes import picture

CHEAP = Hyperparameters(size=64, evaluations=(1, 1), content_layers=("relu2_1",), style_layers=("relu1_1", "relu2_1"))


def ignore(step: Step) -> None:
    """Nobody watches."""


def start(*arguments: str | Path, **environment: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [str(Path(sys.executable).with_name("stylegram")), "stylize", *map(str, arguments)],
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def command(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    with start(*arguments, **environment) as process:
        try:
            stdout, stderr = process.communicate(timeout=120)
        finally:
            process.kill()
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


@pytest.fixture
def style(tmp_path: Path) -> Path:
    path = tmp_path / "painting.png"
    picture(300, 200, seed=1).save(path)
    return path


def grey(path: Path) -> None:
    picture(90, 60).convert("L").save(path)


def grey_16_bit(path: Path) -> None:
    Image.fromarray(np.asarray(picture(90, 60).convert("L")).astype(np.uint16) * 257).save(path)


def transparent(path: Path) -> None:
    image = picture(90, 60).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    image.save(path)


def palette(path: Path) -> None:
    picture(90, 60).quantize(16).save(path)


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(
    ("draw", "expected"),
    [
        pytest.param(grey, (64, 43), id="greyscale"),
        pytest.param(grey_16_bit, (64, 43), id="16-bit greyscale"),
        pytest.param(transparent, (64, 43), id="RGBA"),
        pytest.param(palette, (64, 43), id="palette"),
        pytest.param(lambda path: picture(500, 100).save(path), (64, 13), id="panorama 5:1"),
        pytest.param(lambda path: picture(4000, 3000).save(path, compress_level=1), (64, 48), id="12 megapixels"),
    ],
)
@pytest.mark.parametrize("as_style", [False, True])
def test_files_of_every_kind_are_painted(
    tmp_path: Path, style: Path, draw: Callable[[Path], None], expected: tuple[int, int], as_style: bool
) -> None:
    content = tmp_path / "photo.png"
    draw(content)
    if as_style:
        content, style, expected = style, content, (64, 43)
    out = tmp_path / "out.png"
    record = stylize_files(Pictures(content, [style]), Outputs(out), CHEAP, StylizerSettings(), on_step=ignore)
    assert record.outcome == "succeeded"
    with Image.open(out) as image:
        assert (image.size, image.mode) == (expected, "RGB")
    assert (record.width, record.height) == expected


@pytest.mark.usefixtures("cache")
def test_snapshots_of_files_lie_in_their_folder(tmp_path: Path, style: Path) -> None:
    hyperparameters = CHEAP.model_copy(update={"evaluations": (3, 2)})
    for every, expected in ((2, ["0002.jpg", "0004.jpg", "0005.jpg"]), (None, [f"000{n}.jpg" for n in range(1, 6)])):
        outputs = Outputs(tmp_path / "out.jpg", snapshots=tmp_path / f"every {every}")
        settings = StylizerSettings(snapshot_every=every)
        stylize_files(Pictures(style, [style]), outputs, hyperparameters, settings, on_step=ignore)
        assert outputs.snapshots
        assert sorted(path.name for path in outputs.snapshots.iterdir()) == expected
    with Image.open(tmp_path / "out.jpg") as image:
        assert image.format == "JPEG"


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(("ending", "kind", "bits"), [("tiff", "TIFF", 16), ("webp", "WEBP", 8), ("PNG", "PNG", 8)])
def test_the_ending_chooses_the_format(tmp_path: Path, style: Path, ending: str, kind: str, bits: int) -> None:
    out = tmp_path / f"out.{ending}"
    record = stylize_files(Pictures(style, [style]), Outputs(out), CHEAP, StylizerSettings(), on_step=ignore)
    with Image.open(out) as image:
        assert (image.format, image.size) == (kind, (64, 43))
    if bits == 16:
        pixels = tifffile.imread(out)
        assert pixels.dtype == np.uint16
        # More than 8 bits would hold; and rounded to those, the picture that the record speaks of.
        assert np.unique(pixels).size > 256
        rounded = np.rint(pixels.astype(np.float64) / 257).astype(np.uint8)
        assert record.result_sha256 == sha256(rounded.tobytes()).hexdigest()


@pytest.mark.usefixtures("cache")
def test_several_styles_masks_and_a_start_image_are_painted_with(tmp_path: Path, style: Path) -> None:
    other, mask, start = (tmp_path / f"{name}.png" for name in ("other", "mask", "start"))
    picture(80, 80, seed=2).save(other)
    Image.linear_gradient("L").point(lambda level: 255 * (level > 127)).save(mask)
    picture(64, 43, seed=3).save(start)
    settings = CHEAP.model_copy(update={"start": "image"})
    pictures = Pictures(style, [style, other], [None, mask], start)
    record = stylize_files(pictures, Outputs(tmp_path / "out.png"), settings, StylizerSettings(), on_step=ignore)
    assert record.outcome == "succeeded"
    assert [each.name for each in record.further_styles] == ["other.png"]
    assert [each and each.name for each in record.masks] == [None, "mask.png"]
    assert record.start_image is not None
    assert record.start_image.sha256 == sha256(start.read_bytes()).hexdigest()
    looks = [features_of(Image.open(path)) for path in (pictures.content, *pictures.styles)]
    assert [each.features for each in (record.content, record.style, *record.further_styles)] == looks
    plain = stylize_files(
        Pictures(style, [style]), Outputs(tmp_path / "plain.png"), CHEAP, StylizerSettings(), on_step=ignore
    )
    assert plain.result_sha256 != record.result_sha256


@pytest.mark.usefixtures("cache")
def test_films_of_both_kinds_are_made(tmp_path: Path, style: Path) -> None:
    films = [tmp_path / "film.mp4", tmp_path / "film.GIF"]
    outputs = Outputs(tmp_path / "out.png", films)
    stylize_files(Pictures(style, [style]), outputs, CHEAP, StylizerSettings(), on_step=ignore)
    with av.open(films[0]) as film:
        assert (film.streams.video[0].width, film.streams.video[0].height) == (64, 42)
    with Image.open(films[1]) as image:
        assert image.format == "GIF"
        assert len(list(ImageSequence.Iterator(image))) == 2


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        ({"picture": "out.bmp"}, r"'\.bmp'"),
        ({"picture": "nowhere/out.png"}, "no folder"),
        ({"picture": "painting.png"}, "to paint from"),
        ({"films": "film.avi"}, r"'\.avi' is no known ending of a film's file\. Use one of \.mp4, \.gif"),
        ({"films": "nowhere/film.mp4"}, "no folder"),
        ({"checkpoint": "nowhere/run.checkpoint"}, "no folder"),
        ({"films": "painting.gif"}, r"painting\.gif' is one of the pictures to paint from"),
        ({"checkpoint": "painting.png"}, "to paint from"),
        ({"checkpoint": "link.png"}, "to paint from"),
        ({"checkpoint": "out.png"}, r"out\.png' is given for two files that are written"),
        ({"checkpoint": "sub/../out.png"}, "for two files"),
        ({"films": "film.gif", "checkpoint": "film.gif"}, "for two files"),
        # Which takes no files, not even root's.
        ({"picture": "/proc/out.png"}, "No file can be written into the folder '/proc'"),
        ({"films": "/proc/film.gif"}, "No file can be written"),
        ({"checkpoint": "/proc/run.checkpoint"}, "No file can be written"),
        ({"snapshots": "/proc/snapshots/of today"}, "No file can be written"),
        ({"snapshots": "painting.png"}, "No file can be written"),
    ],
)
def test_files_that_could_not_be_written_are_refused_before_the_work(
    tmp_path: Path, style: Path, outputs: dict[str, str], words: str
) -> None:
    places = {name: tmp_path / file for name, file in outputs.items()}
    wanted = Outputs(
        places.get("picture", tmp_path / "out.png"),
        [places["films"]] if "films" in places else [],
        places.get("snapshots"),
        places.get("checkpoint"),
    )
    (tmp_path / "sub").mkdir()
    (tmp_path / "link.png").symlink_to(style)
    moving = tmp_path / "painting.gif"
    picture(90, 60).save(moving)
    before = {path: path.read_bytes() for path in (style, moving)}
    settings = StylizerSettings(weights=str(tmp_path / "not even looked for"))
    with pytest.raises(ConfigurationError, match=words):
        stylize_files(Pictures(style, [style, moving]), wanted, CHEAP, settings, on_step=ignore)
    assert {path: path.read_bytes() for path in before} == before


def test_a_start_image_beside_another_start_is_refused(tmp_path: Path, style: Path) -> None:
    noise = CHEAP.model_copy(update={"start": "noise"})
    pictures, outputs = Pictures(style, [style], start_image=style), Outputs(tmp_path / "out.png")
    settings = StylizerSettings(weights=str(tmp_path / "not even looked for"))
    with pytest.raises(InvalidHyperparameters, match=r"painting\.png', but start=noise.*--start-image and --set start"):
        stylize_files(pictures, outputs, noise, settings, on_step=ignore)


@pytest.mark.usefixtures("cache")
def test_weights_of_another_backbone_are_refused_with_what_to_add(tmp_path: Path, style: Path) -> None:
    settings = StylizerSettings(weights="vgg16-lpips")
    pictures, outputs = Pictures(style, [style]), Outputs(tmp_path / "out.png")
    with pytest.raises(InvalidHyperparameters, match=r"'vgg16-lpips' are a vgg16.*Add --set backbone=vgg16"):
        stylize_files(pictures, outputs, CHEAP, settings, on_step=ignore)
    vgg16 = CHEAP.model_copy(update={"backbone": "vgg16"})
    assert stylize_files(pictures, outputs, vgg16, settings, on_step=ignore).weights == "vgg16-lpips"


def replace_by_a_file(folder: Path) -> None:
    """No file can be written there any more, not even by root."""
    if folder.is_dir():
        folder.rmdir()
        folder.write_bytes(b"no folder any more")


@pytest.mark.usefixtures("cache")
def test_a_picture_that_cannot_be_written_any_more_is_a_sentence_and_keeps_its_checkpoint(
    tmp_path: Path, style: Path
) -> None:
    folder, checkpoint = tmp_path / "folder", tmp_path / "checkpoint"
    folder.mkdir()
    with pytest.raises(StylegramError, match=r"The picture '.*out\.png' cannot be written: "):
        stylize_files(
            Pictures(style, [style]),
            Outputs(folder / "out.png", checkpoint=checkpoint),
            CHEAP,
            StylizerSettings(checkpoint_seconds=1e-9),
            on_step=lambda _: replace_by_a_file(folder),
        )
    assert checkpoint.exists()


@pytest.mark.usefixtures("cache")
def test_films_and_snapshots_that_cannot_be_written_any_more_cost_only_themselves(tmp_path: Path, style: Path) -> None:
    folder, out, checkpoint = (tmp_path / name for name in ("folder", "out.png", "checkpoint"))
    folder.mkdir()
    films = [folder / "film.gif", tmp_path / "film.mp4"]
    record = stylize_files(
        Pictures(style, [style]),
        Outputs(out, films, folder / "snapshots", checkpoint),
        CHEAP,
        StylizerSettings(snapshot_every=2, checkpoint_seconds=1e-9),
        on_step=lambda _: replace_by_a_file(folder),
    )
    assert record.outcome == "succeeded"
    assert out.is_file()
    assert films[1].is_file()
    assert not checkpoint.exists()


@pytest.mark.usefixtures("cache")
def test_an_interrupt_after_which_nothing_is_kept_says_so(tmp_path: Path, style: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()

    def interrupt(step: Step) -> None:
        replace_by_a_file(folder)
        if step.evaluation == 1:
            os.kill(os.getpid(), signal.SIGINT)

    long = CHEAP.model_copy(update={"evaluations": (50, 50)})
    outputs = Outputs(tmp_path / "out.png", checkpoint=folder / "checkpoint")
    with pytest.raises(Interrupted, match=r"of 100 evaluations\. What came since .* is lost\.") as caught:
        stylize_files(Pictures(style, [style]), outputs, long, StylizerSettings(), on_step=interrupt)
    assert "holds the work" not in str(caught.value)


def test_a_file_that_is_no_picture_is_refused_by_its_name(tmp_path: Path, style: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"not a picture")
    with pytest.raises(InvalidImage, match=r"bad\.jpg' cannot be used"):
        stylize_files(Pictures(bad, [style]), Outputs(tmp_path / "out.png"), CHEAP, StylizerSettings(), on_step=ignore)


@pytest.mark.usefixtures("cache")
def test_json_prints_the_record_and_nothing_else(tmp_path: Path, style: Path) -> None:
    out = tmp_path / "out.png"
    process = command(style, style, "--out", out, "--size", "32", "--set", "evaluations=2,1", "--json")
    assert process.returncode == 0, process.stderr
    record = RunRecord.model_validate(json.loads(process.stdout))
    assert (record.outcome, record.evaluations, record.width, record.height) == ("succeeded", 3, 32, 21)
    assert record.durations["load"] > 0
    assert out.is_file()


@pytest.mark.usefixtures("cache")
def test_without_json_the_pictures_path_is_all_that_is_printed(tmp_path: Path, style: Path) -> None:
    out = tmp_path / "out.png"
    process = command(style, style, "--out", out, "--size", "32", "--set", "evaluations=1")
    assert process.returncode == 0, process.stderr
    assert process.stdout == f"{out}\n"


@pytest.mark.usefixtures("cache")
def test_every_option_of_the_command_reaches_the_engine(tmp_path: Path, style: Path) -> None:
    picture(64, 43, seed=3).save(tmp_path / "start.png")
    Image.linear_gradient("L").save(tmp_path / "mask.png")
    process = command(
        *(style, style, "--out", tmp_path / "out.webp", "--size", "32", "--set", "evaluations=2,2"),
        *("--style", tmp_path / "start.png", "--mask", "none", "--mask", tmp_path / "mask.png"),
        *("--start-image", tmp_path / "start.png", "--device", "cpu", "--snapshot-every", "3"),
        *("--snapshots", tmp_path / "snapshots", "--timelapse", tmp_path / "a.gif", "--timelapse", tmp_path / "a.mp4"),
        *("--checkpoint", tmp_path / "checkpoint", "--json"),
    )
    assert process.returncode == 0, process.stderr
    record = RunRecord.model_validate_json(process.stdout)
    assert record.hyperparameters.start == "image"
    assert (len(record.further_styles), len(record.masks), record.start_image is None) == (1, 2, False)
    assert sorted(path.name for path in (tmp_path / "snapshots").iterdir()) == ["0003.jpg", "0004.jpg"]
    assert sorted(path.name for path in tmp_path.glob("[ao]*")) == ["a.gif", "a.mp4", "out.webp"]
    assert not (tmp_path / "checkpoint").exists()


def wait_for(path: Path, process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 120
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.usefixtures("cache")
def test_after_an_interrupt_the_same_command_goes_on_to_the_same_picture(tmp_path: Path, style: Path) -> None:
    hyperparameters = Hyperparameters(schedule=((64, 60), (96, 60)), size=96)
    whole = Outputs(tmp_path / "whole.png", [tmp_path / "whole.mp4"])
    expected = stylize_files(Pictures(style, [style]), whole, hyperparameters, StylizerSettings(), on_step=ignore)
    out, film, snapshots, checkpoint = (tmp_path / name for name in ("out.png", "film.mp4", "snapshots", "checkpoint"))
    arguments: list[str | Path] = [
        style,
        style,
        "--out",
        out,
        "--timelapse",
        film,
        "--set",
        "schedule=64:60,96:60",
        "--json",
    ]
    arguments += ["--json", "--checkpoint", checkpoint, "--snapshots", snapshots, "--snapshot-every", "20"]
    for number, name in ((signal.SIGINT, "0020.jpg"), (signal.SIGTERM, "0080.jpg")):
        process = start(*arguments)
        wait_for(snapshots / name, process)
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=120)
        assert (process.returncode, stdout) == (130, ""), stderr
        words = " ".join(stderr.split())
        assert f"of 120 evaluations. '{checkpoint}' holds the work so far. The same command again goes on." in words
        assert checkpoint.exists()
        assert not out.exists()
    process = start(*arguments)
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 0, stderr
    record = RunRecord.model_validate_json(stdout)
    assert len(record.resumed_at) == 2
    assert 20 <= record.resumed_at[0] < 80 <= record.resumed_at[1] < 120
    assert record.curve == expected.curve
    assert (record.result_sha256, record.losses) == (expected.result_sha256, expected.losses)
    assert out.read_bytes() == whole.picture.read_bytes()
    assert film.read_bytes() == whole.films[0].read_bytes()
    assert not checkpoint.exists()


@pytest.mark.usefixtures("cache")
def test_a_checkpoint_is_kept_from_time_to_time_too(tmp_path: Path, style: Path) -> None:
    checkpoint, seen = tmp_path / "checkpoint", []

    def look(step: Step) -> None:
        seen.append(checkpoint.exists())

    settings = StylizerSettings(checkpoint_seconds=1e-9)
    outputs = Outputs(tmp_path / "out.png", checkpoint=checkpoint)
    stylize_files(Pictures(style, [style]), outputs, CHEAP, settings, on_step=look)
    assert seen == [False, True]
    assert not checkpoint.exists()


@pytest.mark.usefixtures("cache")
def test_a_checkpoint_that_cannot_be_written_does_not_end_the_work(tmp_path: Path, style: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    settings = StylizerSettings(checkpoint_seconds=1e-9)
    outputs = Outputs(tmp_path / "out.png", checkpoint=folder / "checkpoint")

    record = stylize_files(
        Pictures(style, [style]), outputs, CHEAP, settings, on_step=lambda _: replace_by_a_file(folder)
    )
    assert record.outcome == "succeeded"


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(
    ("spoil", "advice"),
    [
        # Anybody's file is as little a checkpoint as a damaged one.
        ("damaged", r"\. Choose another --checkpoint\.$"),
        ("of another run", r"\. Delete it to begin anew, or choose another --checkpoint\.$"),
    ],
)
def test_a_checkpoint_of_no_use_is_refused_with_what_to_do(
    tmp_path: Path, style: Path, spoil: str, advice: str
) -> None:
    checkpoint, kept = tmp_path / "checkpoint", tmp_path / "kept"

    def keep(step: Step) -> None:
        if checkpoint.exists():
            kept.write_bytes(checkpoint.read_bytes())

    settings = StylizerSettings(checkpoint_seconds=1e-9)
    outputs = Outputs(tmp_path / "out.png", checkpoint=checkpoint)
    stylize_files(Pictures(style, [style]), outputs, CHEAP, settings, on_step=keep)
    (tmp_path / "out.png").unlink()
    data = kept.read_bytes()
    checkpoint.write_bytes(data[:-1] if spoil == "damaged" else data)
    before = checkpoint.read_bytes()
    other = CHEAP.model_copy(update={"seed": 1})
    with pytest.raises(InvalidCheckpoint, match=f"checkpoint' cannot be gone on from.*{advice}"):
        stylize_files(Pictures(style, [style]), outputs, other, settings, on_step=ignore)
    assert checkpoint.read_bytes() == before
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "words"),
    [
        pytest.param(["photo.png", "--set", "sighs=3"], {}, 2, "sighs", id="unknown hyperparameter"),
        pytest.param(["photo.png", "--size", "7"], {}, 2, "size", id="out of range"),
        pytest.param(["nowhere.png"], {}, 2, "nowhere.png", id="no such file"),
        pytest.param(["bad.png"], {}, 1, "bad.png' cannot be used", id="no picture"),
        pytest.param(["photo.png", "--weights", "vgg-20"], {}, 1, "no weights 'vgg-20'", id="no such weights"),
        pytest.param(["photo.png", "--mask", "none", "--mask", "none"], {}, 1, "2 masks for 1", id="too many masks"),
        pytest.param(["photo.png", "--checkpoint", "bad.png"], {}, 1, "another --checkpoint", id="no checkpoint"),
        pytest.param(["photo.png", "--out", "/proc/out.png"], {}, 2, "No file can be written", id="no place"),
        pytest.param(["photo.png", "--device", "cuda:99"], {}, 1, "no device 'cuda:99'", id="no such device as told"),
        pytest.param(["photo.png"], {"STYLEGRAM_DEVICE": "cuda:99"}, 1, "no device 'cuda:99'", id="no such device"),
    ],
)
@pytest.mark.usefixtures("cache")
def test_what_goes_wrong_is_a_sentence_and_an_exit_code(
    tmp_path: Path, style: Path, arguments: list[str], environment: dict[str, str], code: int, words: str
) -> None:
    picture().save(tmp_path / "photo.png")
    (tmp_path / "bad.png").write_bytes(b"not a picture")
    out = tmp_path / "out.png"
    files = ("bad.png", "painting.png")
    options = [str(tmp_path / word) if word in files else word for word in arguments[1:]]
    process = command(tmp_path / arguments[0], style, "--out", out, *options, **environment)
    assert process.returncode == code, process.stderr
    assert words in " ".join(process.stderr.split()).replace(" │ │ ", "")
    assert "Traceback" not in process.stderr
    assert process.stdout == ""
    assert not out.exists()
