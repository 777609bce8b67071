"""A post as files, to be looked at before it goes out."""

from pathlib import Path

from stylegram.common.errors import ConfigurationError
from stylegram.common.files import write_atomically
from stylegram.common.ports import Post


def write_post(post: Post, folder: Path) -> list[Path]:
    """Write the post's media, covers and caption; where they are, in that order.

    Raises:
        ConfigurationError: the folder cannot be written.
    """
    files: dict[str, bytes] = {}
    for number, medium in enumerate(post.media, 1):
        name = post.key if len(post.media) == 1 else f"{post.key}-{number}"
        files[f"{name}.{medium.ending}"] = medium.data
        if medium.cover:
            files[f"{name}-cover.jpg"] = medium.cover
    files[f"{post.key}.txt"] = post.caption.encode()
    try:
        for name, data in files.items():
            write_atomically(folder / name, data)
    except OSError as error:
        raise ConfigurationError(
            f"The post cannot be written to '{folder}': {error.strerror}.", advice="Name another folder by --out."
        ) from error
    return [folder / name for name in files]
