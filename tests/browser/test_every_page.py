"""What holds for every page of an empty house: it fits a desk and a phone, in light and dark, for everybody."""

import pytest

from pages_browser import DESK, PHONE, Open, check_accessibility, check_fits, shoot

PAGES = ("/", "/gallery", "/better", "/record", "/library", "/queue", "/posts", "/nowhere")


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("desk", {"viewport": DESK, "color_scheme": "light"}),
        ("phone", {"viewport": PHONE, "color_scheme": "dark", "has_touch": True, "device_scale_factor": 2}),
    ],
)
def test_an_empty_house(path: str, name: str, options: dict[str, object], open_page: Open) -> None:
    page = open_page(path, **options)
    shoot(page, f"empty-{path.strip('/') or 'paint'}-{name}")
    check_fits(page)
    check_accessibility(page)
