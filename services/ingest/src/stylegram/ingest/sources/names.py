"""Which files of a source could be pictures, as far as their names tell."""

# What tools keep beside pictures, as `style_names.json` has the paintings' titles.
_SIDECARS = (".json",)


def is_hidden(name: str) -> bool:
    """Whether a file or a folder of that name is nobody's picture: hidden ones are some tool's own."""
    return name.startswith(".")


def could_be_picture(name: str) -> bool:
    """Whether a file of that name may be a picture; its ending says little, since many are wrong.

    >>> could_be_picture("IMG_0001.HEIC"), could_be_picture(".DS_Store"), could_be_picture("style_names.json")
    (True, False, False)
    """
    return not is_hidden(name) and not name.lower().endswith(_SIDECARS)
