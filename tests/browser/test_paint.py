"""The page that paints, as people use it: by mouse and keyboard, with files of their own, and without script."""

import re
from collections.abc import Callable

import pytest
from PIL import Image
from playwright.sync_api import Browser, FilePayload, Locator, Page, Route, expect

from ingest_samples import FAST, encoded, noise, png, quarters
from pages_browser import DESK, PHONE, Open, check_accessibility, check_fits, contexts, shoot
from pages_house import PagesHouse, samples
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.records import AssetReference, Role
from stylegram.ingest.schemas import Job, JobFilter

# A network that paints on one core, with others at work beside it.
PATIENCE = 20_000
HOSTILE = ("<img src=x onerror=alert(1)>.png", f"{'long ' * 45}.png", "\u202egnp.\u0634\u0645\u0633.png")


@pytest.fixture
def library(house: PagesHouse) -> tuple[list[AssetReference], list[AssetReference]]:
    """The samples, synced: photographs and paintings in the order of the strips."""
    for role, paths in zip(Role, samples(), strict=True):
        for path in paths:
            (house.root / ("photos" if role is Role.CONTENT else "paintings") / path.name).write_bytes(
                path.read_bytes()
            )
    house.ingest.sync_all()
    contents, styles = (list(house.ingest.assets(role, limit=100).items) for role in Role)
    return contents, styles  # type: ignore[return-value]


def previewed(page: Page) -> Locator:
    """The hero, once it is a preview."""
    hero = page.get_by_role("img", name=re.compile("^Preview of "))
    expect(hero).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_role("figure")).to_have_attribute("aria-busy", "false")
    assert hero.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    return hero


def press_paint(page: Page) -> None:
    page.get_by_role("button", name="Paint", exact=True).click()
    page.wait_for_url("**/pictures/*")


def queued(house: PagesHouse) -> Job:
    (job,) = house.ingest.jobs(JobFilter(), limit=10).items
    return job


def photograph(page: Page) -> Locator:
    return page.get_by_role("group", name="Photograph", exact=True)


def painting(page: Page) -> Locator:
    return page.get_by_role("group", name="Painting", exact=True)


def pick(place: Locator, *files: FilePayload) -> None:
    place.locator("input[type=file]").set_input_files(list(files))


def a_file(name: str = "mine.png", data: bytes | None = None, kind: str = "image/png") -> FilePayload:
    return {"name": name, "mimeType": kind, "buffer": data if data is not None else encoded(quarters(), "PNG")}


def drop(place: Locator, file: FilePayload) -> None:
    """Let go of a file over the place, as a mouse does."""
    transfer = place.page.evaluate_handle(
        """({ name, kind, bytes }) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], name, { type: kind }));
            return transfer;
        }""",
        {"name": file["name"], "kind": file["mimeType"], "bytes": list(file["buffer"])},
    )
    for event in ("dragenter", "dragover", "drop"):
        place.dispatch_event(event, {"dataTransfer": transfer})


def open_hyperparameters(page: Page) -> None:
    page.get_by_text("All hyperparameters").click()


def test_a_newcomer_paints_without_reading(
    house: PagesHouse, library: tuple[list[AssetReference], list[AssetReference]], open_page: Open
) -> None:
    contents, styles = library
    page = open_page("/")
    previewed(page)
    photograph(page).get_by_role("radio", name="Chelsea").check()
    painting(page).get_by_role("radio", name="Night currents").check()
    expect(page.get_by_role("img", name="Preview of Chelsea in the manner of Night currents")).to_be_visible(
        timeout=PATIENCE
    )
    page.get_by_role("radio", name="Strong").check()
    page.get_by_role("radio", name="Broad").check()
    page.get_by_role("radio", name="Photograph’s").check()
    page.get_by_role("radio", name="256").check()
    page.get_by_label("Post it too").check()
    press_paint(page)
    job = queued(house)
    assert page.url.endswith(job.id)
    assert (job.content.name, job.style.name, job.publish) == ("chelsea.png", "night_currents.jpg", True)
    assert job.hyperparameters == Hyperparameters(style_weight=5, style_scale=2, colors="matched", size=256)
    assert {contents[0].name, styles[0].name}.isdisjoint({job.content.name, job.style.name})


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("desk-light", {"viewport": DESK, "color_scheme": "light"}),
        ("desk-dark", {"viewport": DESK, "color_scheme": "dark"}),
        ("phone-light", {"viewport": PHONE, "color_scheme": "light", "has_touch": True, "device_scale_factor": 2}),
        ("phone-dark", {"viewport": PHONE, "color_scheme": "dark", "has_touch": True, "device_scale_factor": 2}),
    ],
)
def test_it_fits_everybody(
    name: str,
    options: dict[str, object],
    house: PagesHouse,
    library: tuple[list[AssetReference], list[AssetReference]],
    open_page: Open,
) -> None:
    contents, styles = library
    running, _ = (house.ingest.submit(content, styles[1], FAST) for content in contents[1:3])
    house.running(running)
    page = open_page(f"/?content={contents[4].sha256}&style={styles[5].sha256}", **options)
    previewed(page)
    shoot(page, f"paint-{name}")
    check_fits(page)
    check_accessibility(page)
    page.get_by_text("Mix in more paintings").click()
    page.get_by_role("checkbox", name="Two fishes").check()
    open_hyperparameters(page)
    page.get_by_label("Learning rate").fill("0.5")
    shoot(page, f"paint-{name}-open")
    check_fits(page)
    check_accessibility(page)


def test_pictures_of_ones_own(house: PagesHouse, open_page: Open) -> None:
    page = open_page("/")
    expect(page.get_by_text("Drop a photograph and a painting of your own")).to_be_visible()
    pick(photograph(page), a_file("my cat.png"))
    expect(page.get_by_text("Add a painting", exact=False)).to_have_count(0)
    drop(painting(page), a_file("my scream.png", png(3)))
    previewed(page)
    shoot(page, "paint-own-files")
    expect(photograph(page).get_by_role("radio", name="my cat.png")).to_be_checked()
    press_paint(page)
    job = queued(house)
    assert (job.content.name, job.style.name) == ("my cat.png", "my scream.png")


def test_of_two_files_the_later_is_chosen_however_long_the_first_takes(house: PagesHouse, open_page: Open) -> None:
    page = open_page("/")
    # The browser reads the first one slowly.
    page.evaluate(
        """() => {
            const { createImageBitmap: read } = window;
            const { toBlob: write } = HTMLCanvasElement.prototype;
            let begun = 0;
            let written = 0;
            window.createImageBitmap = async (file) => {
                if (!begun++) await new Promise((go) => setTimeout(go, 300));
                return read(file);
            };
            HTMLCanvasElement.prototype.toBlob = function (done, ...options) {
                const tell = () => { document.body.dataset.written = ++written; };
                return write.call(this, (blob) => { done(blob); setTimeout(tell); }, ...options);
            };
        }"""
    )
    drop(photograph(page), a_file("slow.png"))
    drop(photograph(page), a_file("later.png"))
    expect(page.locator("body")).to_have_attribute("data-written", "2")
    expect(photograph(page).get_by_role("radio", name="slow.png")).to_have_count(0)
    expect(photograph(page).get_by_role("radio", name="later.png")).to_be_checked()


def test_the_preview_of_a_large_file_is_small_and_the_file_is_sent_whole(house: PagesHouse, open_page: Open) -> None:
    large = encoded(Image.effect_noise((2400, 1600), 80).convert("RGB"), "JPEG", quality=95)
    sent: list[int] = []

    def watch(route: Route) -> None:
        sent.append(len(route.request.post_data_buffer or b""))
        route.continue_()

    page = open_page("/")
    page.route("**/v1/preview", watch)
    pick(photograph(page), a_file("large.jpg", large, "image/jpeg"))
    pick(painting(page), a_file("small.png", png(1)))
    previewed(page)
    assert sent[-1] < len(large) / 5
    press_paint(page)
    assert (asset := house.ingest.asset(Role.CONTENT, queued(house).content.sha256)).width == 2400
    assert asset.height == 1600


def test_what_only_stylegram_can_read_is_previewed_too(house: PagesHouse, open_page: Open) -> None:
    page = open_page("/")
    pick(photograph(page), a_file("scan.tif", encoded(quarters(), "TIFF"), "image/tiff"))
    expect(photograph(page).get_by_text("TIF", exact=True)).to_be_visible()
    pick(painting(page), a_file("small.png", png(1)))
    previewed(page)
    expect(page.get_by_role("button", name="Show the photograph")).to_be_hidden()
    press_paint(page)
    assert house.ingest.asset(Role.CONTENT, queued(house).content.sha256).format == "TIFF"


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_name_is_only_text(name: str, house: PagesHouse, open_page: Open) -> None:
    page = open_page("/", viewport=PHONE)
    pick(photograph(page), a_file(name))
    pick(painting(page), a_file(name, png(2)))
    previewed(page)
    check_fits(page)
    press_paint(page)
    page.goto("/")
    expect(page.get_by_role("region", name="On the easel").get_by_role("link")).to_be_visible()
    check_fits(page)
    shoot(page, f"paint-hostile-{HOSTILE.index(name)}")


@pytest.mark.usefixtures("library")
def test_a_file_that_is_no_picture_is_refused_at_its_place(house: PagesHouse, open_page: Open) -> None:
    page = open_page("/")
    previewed(page)
    pick(photograph(page), a_file("letter.pdf", b"%PDF-1.7 no picture", "application/pdf"))
    alert = photograph(page).get_by_role("alert")
    expect(alert).to_have_text("“letter.pdf” cannot be read as a picture. “Rocket” stays chosen.")
    previewed(page)
    check_accessibility(page)
    # Its name says that the browser need not be able to read it: Stylegram looks.
    pick(painting(page), a_file("broken.tif", b"II*\0 broken", "image/tiff"))
    expect(painting(page).get_by_role("alert")).to_contain_text("'broken.tif' is refused")
    expect(page.get_by_text("There is no preview of this pair.")).to_be_visible()
    page.get_by_role("button", name="Paint", exact=True).click()
    expect(painting(page).get_by_role("alert")).to_contain_text("'broken.tif' is refused")
    assert house.ingest.jobs(JobFilter(), limit=1).items == []
    painting(page).get_by_role("radio", name="Tide of indigo").check()
    expect(painting(page).get_by_role("alert")).to_be_hidden()
    press_paint(page)


@pytest.mark.usefixtures("library")
def test_a_picture_that_is_too_narrow_is_refused_by_its_own_name_and_size(open_page: Open) -> None:
    page = open_page("/")
    pick(photograph(page), a_file("line.png", encoded(quarters().resize((900, 12)), "PNG")))
    alert = photograph(page).get_by_role("alert")
    expect(alert).to_contain_text("'line.png' is refused: The picture has 900×12 pixels", timeout=PATIENCE)
    pick(photograph(page), a_file("long.png", encoded(quarters().resize((1800, 20)), "PNG")))
    expect(page.get_by_role("img", name="Preview of long.png")).to_be_visible(timeout=PATIENCE)
    expect(alert).to_be_hidden()


@pytest.mark.usefixtures("library")
def test_offline_nothing_is_promised(open_page: Open) -> None:
    page = open_page("/")
    previewed(page)
    page.route("**/v1/preview", lambda route: route.abort())
    painting(page).get_by_role("radio", name="Paper lagoon").check()
    expect(page.get_by_text("Stylegram does not answer")).to_be_visible()


@pytest.mark.usefixtures("library")
def test_the_first_painting_is_not_mixed_with_itself(open_page: Open) -> None:
    page = open_page("/")
    page.get_by_text("Mix in more paintings").click()
    more = page.get_by_role("group", name="More paintings").get_by_role("checkbox", name="Tide of indigo")
    more.check()
    painting(page).get_by_role("radio", name="Tide of indigo").check()
    expect(more).to_be_hidden()
    painting(page).get_by_role("radio", name="Paper lagoon").check()
    expect(more).to_be_visible()
    expect(more).not_to_be_checked()


def test_a_file_that_is_too_large_is_refused_before_it_is_sent(house: PagesHouse, chromium: Browser) -> None:
    house.options["max_upload_megabytes"] = 0.1
    with house.served() as address, contexts(chromium, address) as open_page:
        page = open_page("/")
        pick(photograph(page), a_file("large.png", bytes(200_000)))
        expect(photograph(page).get_by_role("alert")).to_have_text("“large.png” has 0.2 MB; a file may have 0.1 MB.")
        half = encoded(Image.effect_noise((300, 200), 80), "PNG")
        assert 50_000 < len(half) < 100_000
        pick(photograph(page), a_file("one.png", half))
        pick(painting(page), a_file("two.png", half))
        page.get_by_role("button", name="Paint", exact=True).click()
        expect(page.get_by_text("they may have 0.1 MB")).to_be_visible()
        assert house.ingest.jobs(JobFilter(), limit=1).items == []


@pytest.mark.usefixtures("library")
def test_several_paintings_with_shares(house: PagesHouse, open_page: Open) -> None:
    page = open_page("/")
    painting(page).get_by_role("radio", name="Tide of indigo").check()
    page.get_by_text("Mix in more paintings").click()
    more = page.get_by_role("group", name="More paintings")
    page.get_by_label("Share of the first painting").fill("3")
    more.get_by_role("checkbox", name="Paper lagoon").check()
    more.get_by_label("Share of Paper lagoon").fill("0.5")
    pick(more, a_file("mine.png", png(5)), a_file("not this.png", png(6)))
    more.get_by_role("checkbox", name="mine.png").locator("xpath=../..").get_by_label("Its share").fill("2")
    more.get_by_role("checkbox", name="not this.png").uncheck()
    expect(page.get_by_text("It knows the first painting only.")).to_be_visible(timeout=PATIENCE)
    press_paint(page)
    job = queued(house)
    shares = dict(
        zip(
            [job.style.name, *(style.name for style in job.further_styles)],
            job.hyperparameters.style_weights,
            strict=True,
        )
    )
    assert shares == {"tide_of_indigo.jpg": 3, "paper_lagoon.jpg": 0.5, "mine.png": 2}


WISHES = {
    "Content weight": "0.3",
    "Style weight, exactly": "2.5",
    "TV weight": "0.05",
    "Mask softness": "0.1",
    "Size, exactly": "300",
    "Style scale, exactly": "1.5",
    "Brush scale": "8",
    "Evaluations": "30, 10",
    "Start noise": "0.25",
    "Seed": "7",
    "Brightness": "1.2",
    "Content layers": "relu3_2, conv4_2",
    "Content layer weights": "1, 3",
    "Style layers": "relu1_1, relu2_1",
    "Style layer weights": "1, 2",
    "Learning rate": "0.03",
    "History size": "9",
    "Beta 1": "0.8",
    "Beta 2": "0.9",
    "Epsilon": "1e-6",
}
CHOICES = {
    "Style loss": "wasserstein",
    "Start": "blend",
    "Recolor": "yes",
    "Color matching": "histogram",
    "Greyscale": "yes",
    "Backbone": "vgg16",
    "Pooling": "max",
    "Optimizer": "adam",
    "Precision": "fp32",
    "Tiling": "on",
    "Deterministic": "no",
}
ALL_CHANGED = Hyperparameters(
    content_weight=0.3, style_weight=2.5, tv_weight=0.05, mask_softness=0.1, size=300, style_scale=1.5, brush_scale=8,
    evaluations=(30, 10), start_noise=0.25, seed=7, brightness=1.2, content_layers=("relu3_2", "relu4_2"),
    content_layer_weights=(1, 3), style_layers=("relu1_1", "relu2_1"), style_layer_weights=(1, 2), learning_rate=0.03,
    history_size=9, beta_1=0.8, beta_2=0.9, epsilon=1e-6, style_loss="wasserstein", start="blend", recolor=True,
    color_matching="histogram", greyscale=True, backbone="vgg16", pooling="max", optimizer="adam", precision="fp32",
    tiling="on", deterministic=False,
)  # fmt: skip


@pytest.mark.usefixtures("library")
def test_every_hyperparameter_reaches_the_job_and_comes_back(house: PagesHouse, open_page: Open) -> None:
    page = open_page("/")
    open_hyperparameters(page)
    for label, text in WISHES.items():
        page.get_by_label(label, exact=False).and_(page.locator("input")).first.fill(text)
    for label, choice in CHOICES.items():
        page.get_by_role("combobox", name=re.compile(f"^{label}")).select_option(choice)
    expect(page.get_by_text(f"{len(WISHES) + len(CHOICES)} changed")).to_be_visible()
    press_paint(page)
    job = queued(house)
    assert job.hyperparameters == ALL_CHANGED
    page.goto(f"/?again={job.id}")
    expect(page.get_by_text("Again, with changes")).to_be_visible()
    shoot(page, "paint-again")
    page.get_by_role("radio", name="Gentle").check()
    press_paint(page)
    newest, _ = house.ingest.jobs(JobFilter(), limit=10).items
    assert newest.hyperparameters == ALL_CHANGED.model_copy(update={"style_weight": 0.2})


@pytest.mark.usefixtures("library")
def test_what_was_changed_is_reset(house: PagesHouse, open_page: Open) -> None:
    page = open_page("/")
    open_hyperparameters(page)
    page.get_by_label("Style weight, exactly").fill("3")
    page.get_by_label("Seed").fill("3")
    expect(page.get_by_role("radio", name="Balanced")).not_to_be_checked()
    page.get_by_role("button", name="Reset all").click()
    expect(page.get_by_role("radio", name="Balanced")).to_be_checked()
    expect(page.get_by_text(re.compile(r"^\d+ changed$"))).to_be_hidden()
    press_paint(page)
    assert queued(house).hyperparameters == Hyperparameters()


@pytest.mark.usefixtures("library")
def test_a_value_that_is_refused_is_named_at_its_control(house: PagesHouse, open_page: Open) -> None:
    page = open_page("/")
    open_hyperparameters(page)
    page.get_by_label("Style layers").fill("relu9_9")
    page.get_by_text("All hyperparameters").click()
    page.get_by_role("button", name="Paint", exact=True).click()
    expect(page.get_by_text("unknown layer 'relu9_9'")).to_be_visible()
    expect(page.get_by_label("Style layers")).to_be_focused()
    check_accessibility(page)
    # What the browser itself refuses is shown too, although the list is closed.
    page.get_by_label("Style layers").fill("relu1_1")
    page.get_by_label("Seed").fill("-3")
    page.get_by_text("All hyperparameters").click()
    page.get_by_role("button", name="Paint", exact=True).click()
    expect(page.get_by_label("Seed")).to_be_focused()
    page.get_by_label("Seed").fill("3")
    press_paint(page)
    assert queued(house).hyperparameters == Hyperparameters(style_layers=("relu1_1",), seed=3)


@pytest.mark.usefixtures("library")
def test_by_keyboard_alone(house: PagesHouse, open_page: Open) -> None:
    page = open_page("/")
    previewed(page)

    def tab_to(reached: Callable[[], bool]) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            if reached():
                return
        pytest.fail("Tab does not lead there.")

    def focused(selector: str) -> Callable[[], bool]:
        return lambda: bool(page.evaluate(f"document.activeElement.matches({selector!r})"))

    tab_to(focused("[type=radio][name=content]"))
    page.keyboard.press("ArrowRight")
    tab_to(focused("[type=radio][name=style]"))
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    tab_to(focused("[name=style_weight]"))
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_url("**/pictures/*")
    job = queued(house)
    contents, styles = (house.ingest.assets(role, limit=3).items for role in Role)
    assert (job.content.name, job.style.name) == (contents[1].name, styles[2].name)
    assert job.hyperparameters == Hyperparameters(style_weight=5)


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("script", [True, False])
def test_a_double_click_paints_once(script: bool, house: PagesHouse, open_page: Open) -> None:
    page = open_page("/", java_script_enabled=script)
    page.get_by_role("button", name="Paint", exact=True).dblclick()
    page.wait_for_url("**/pictures/*")
    assert page.url.endswith(queued(house).id)


@pytest.mark.usefixtures("library")
def test_without_script(house: PagesHouse, open_page: Open) -> None:
    page = open_page("/", java_script_enabled=False)
    shoot(page, "paint-no-script")
    photograph(page).get_by_role("radio", name="Coffee").check()
    pick(painting(page), a_file("mine.png", png(4)))
    page.get_by_role("radio", name="Strong").check()
    open_hyperparameters(page)
    page.get_by_label("Style layers").fill("relu9_9")
    page.get_by_role("button", name="Paint", exact=True).click()
    expect(page.get_by_text("Nothing is painted yet")).to_be_visible()
    expect(page.get_by_text("unknown layer 'relu9_9'").first).to_be_visible()
    shoot(page, "paint-no-script-refused")
    expect(photograph(page).get_by_role("radio", name="Coffee")).to_be_checked()
    expect(page.get_by_role("radio", name="Strong")).to_be_checked()
    page.get_by_label("Style layers").fill("relu1_1")
    pick(painting(page), a_file("mine.png", png(4)))
    press_paint(page)
    job = queued(house)
    assert (job.content.name, job.style.name) == ("coffee.png", "mine.png")
    assert job.hyperparameters == Hyperparameters(style_layers=("relu1_1",), style_weight=5)


def test_hundreds_of_photographs(house: PagesHouse, open_page: Open) -> None:
    for number in range(70):
        (house.root / "photos" / f"photo {number:03}.png").write_bytes(encoded(noise(number).resize((24, 16)), "PNG"))
    (house.root / "paintings" / "scream.png").write_bytes(png(0))
    house.ingest.sync_all()
    page = open_page("/")
    radios = photograph(page).get_by_role("radio")
    expect(radios).to_have_count(60)
    goes_on, strip = re.compile("goes-on"), page.locator("#strip-content")
    expect(strip).to_have_class(goes_on)
    shoot(page, "paint-many")
    strip.evaluate("strip => strip.scrollTo(0, strip.scrollHeight)")
    expect(strip).not_to_have_class(goes_on)
    photograph(page).get_by_role("link", name="More").click()
    expect(radios).to_have_count(70)
    expect(photograph(page).get_by_role("link", name="More")).to_have_count(0)
    expect(photograph(page).get_by_role("radio", checked=True)).to_have_count(1)
    oldest = photograph(page).get_by_role("radio", name="Photo 000")
    oldest.check()
    press_paint(page)
    assert queued(house).content.name == "photo 000.png"


@pytest.mark.usefixtures("library")
def test_without_previews_it_paints_all_the_same(house: PagesHouse, open_page: Open) -> None:
    page = open_page("/queue")
    page.route("**/v1/preview", lambda route: route.fulfill(status=503, json={"detail": "Nobody makes previews here."}))
    page.goto("/")
    expect(page.get_by_text("There is no quick preview now")).to_be_visible()
    press_paint(page)
    assert queued(house)


@pytest.mark.usefixtures("library")
def test_the_photograph_beside_its_preview(open_page: Open) -> None:
    page = open_page("/")
    hero = previewed(page)
    painted = hero.get_attribute("src")
    page.get_by_role("button", name="Show the photograph").click()
    expect(page.get_by_role("img", name="The photograph")).to_be_visible()
    page.get_by_role("button", name="Show the photograph").click()
    expect(page.get_by_role("img", name=re.compile("^Preview of "))).to_have_attribute("src", str(painted))


def test_what_is_on_the_easel_comes_and_goes(
    house: PagesHouse, library: tuple[list[AssetReference], list[AssetReference]], open_page: Open
) -> None:
    page = open_page("/")
    easel = page.get_by_role("region", name="On the easel")
    expect(easel.get_by_text("The easel is free.")).to_be_visible()
    job = house.ingest.submit(library[0][0], library[1][0], FAST)
    expect(easel.get_by_text("waits its turn")).to_be_visible()
    house.running(job)
    expect(easel.get_by_role("progressbar")).to_be_visible()
    assert easel.get_by_role("link").get_attribute("href") == f"/pictures/{job.id}"
