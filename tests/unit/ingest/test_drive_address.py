import pytest

from stylegram.common.errors import ConfigurationError
from stylegram.ingest.sources import open_source
from stylegram.ingest.sources.drive.address import Address, parse


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("gdrive://1aB-2_c", Address("1aB-2_c")),
        ("gdrive://1aB2/", Address("1aB2")),
        ("gdrive://root", Address("root")),
        ("gdrive://1aB2?nested=false", Address("1aB2", nested=False)),
        ("gdrive://1aB2?nested=TRUE&resourcekey=0-k", Address("1aB2", "0-k")),
        ("https://drive.google.com/drive/folders/1aB2", Address("1aB2")),
        (" https://drive.google.com/drive/folders/1aB2?usp=sharing\n", Address("1aB2")),
        ("https://drive.google.com/drive/folders/1aB2?usp=sharing&resourcekey=0-k", Address("1aB2", "0-k")),
        ("https://drive.google.com/drive/u/0/folders/1aB2", Address("1aB2")),
        ("https://drive.google.com/drive/u/12/mobile/folders/1aB2/?nested=false", Address("1aB2", nested=False)),
        ("https://drive.google.com/open?id=1aB2", Address("1aB2")),
        ("https://drive.google.com/drive/u/0/my-drive", Address("root")),
        ("https://drive.google.com/open?id=1aB2&resourceKey=0-k&authuser=0", Address("1aB2", "0-k")),
    ],
)
def test_a_folder_is_found_in_every_way_of_naming_it(url: str, address: Address) -> None:
    assert parse(url.strip()) == address
    assert open_source(url).url == f"gdrive://{address.folder}"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("gdrive://", "names no folder"),
        ("gdrive:///1aB2", "names no folder"),
        ("gdrive:1aB2", "names no folder"),
        ("gdrive://1aB2/photos", "names no folder"),
        ("gdrive://it's", "names no folder"),
        ("gdrive://1aB2#x", "names no folder"),
        ("gdrive://[", "cannot be understood"),
        ("gdrive://1aB2?nested=perhaps", "nested is 'perhaps'"),
        ("gdrive://1aB2?nestled=false", "an option that there is not: nestled"),
        ("https://drive.google.com/drive/recent", "names no folder"),
        ("https://docs.google.com/document/d/1aB2/edit", "is the link to a document"),
        ("https://drive.google.com/drive/folders/", "names no folder"),
        ("https://drive.google.com/open?usp=sharing", "names no folder"),
        ("https://drive.google.com/file/d/1aB2/view?usp=sharing", "is the link to a file"),
        ("https://example.org/drive/folders/1aB2", "no link into Google Drive"),
        ("https://drive.google.com.example.org/drive/folders/1aB2", "no link into Google Drive"),
    ],
)
def test_what_names_no_folder_is_refused_before_anybody_is_asked(url: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as refused:
        open_source(url)
    assert refused.value.advice
