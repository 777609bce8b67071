// Goes on with the wall where its end comes into sight, filters, rates and compares in place. Without it there are links
// and a button.
import { fetched } from "../fetched.js";

const MOST_COMPARED = 4;
// How far below the screen the end may be when the next page is fetched.
const AHEAD = "1200px 0px";

const byId = (id) => document.getElementById(id);
const filters = byId("filters");
const compare = byId("compare");
const picked = byId("picked");
const tell = (words) => { byId("trouble").textContent = words; };

// Going on

let going = null;

function more() {
  going ??= next().finally(() => { going = null; watch(); });
  return going;
}

async function next() {
  const link = byId("more");
  try {
    const page = await fetched(link.href);
    // Another filter was chosen meanwhile.
    if (!link.isConnected) return;
    const known = new Set(tiles().map((tile) => tile.dataset.run));
    const fresh = [...page.querySelectorAll("#wall > li")].filter((tile) => !known.has(tile.dataset.run));
    prepare(fresh);
    byId("wall")?.append(...fresh);
    byId("further").replaceWith(page.getElementById("further"));
    tell("");
    count();
    offer();
    remember();
  } catch (error) {
    tell(`The next pictures did not come. ${error.message}`);
    observer.disconnect();
    throw error;
  }
}

function tiles() {
  return [...document.querySelectorAll("#wall > li")];
}

function count() {
  byId("shown").textContent = `${byId("more") || document.querySelector(".beginning") ? "" : "All "}${tiles().length} shown`;
}

const observer = new IntersectionObserver((entries) => {
  if (entries.some((entry) => entry.isIntersecting)) more().catch(() => {});
}, { rootMargin: AHEAD });

function watch() {
  observer.disconnect();
  if (byId("more") && byId("wall") && !byId("trouble").textContent) observer.observe(byId("more"));
}

document.addEventListener("click", (event) => {
  if (event.target.closest("#more") && byId("wall") && !(event.ctrlKey || event.metaKey || event.shiftKey)) {
    event.preventDefault();
    tell("");
    more().catch(() => {});
  }
});
addEventListener("online", () => { tell(""); watch(); });

// Coming back: browsers that do not keep the page as it was find as many tiles again, and the same place.

function remember() {
  history.replaceState({ tiles: tiles().length, y: scrollY }, "");
}

async function restore() {
  const { tiles: wanted = 0, y = 0 } = history.state ?? {};
  if (wanted <= tiles().length) return;
  history.scrollRestoration = "manual";
  try {
    while (tiles().length < wanted && byId("more")) await more();
  } catch {
    // It was told.
  }
  scrollTo(0, y);
  history.scrollRestoration = "auto";
}

document.addEventListener("click", remember, { capture: true });

// Filters

filters.querySelector("button").hidden = true;
let asked = 0;

async function show(address) {
  const turn = ++asked;
  byId("pictures").setAttribute("aria-busy", "true");
  try {
    const page = await fetched(address);
    if (turn !== asked) return;
    prepare(page.querySelectorAll("#wall > li"));
    byId("pictures").replaceWith(page.getElementById("pictures"));
    byId("shown").textContent = page.getElementById("shown").textContent || "Nothing found";
    history.replaceState(null, "", address);
    tell("");
    watch();
    offer();
    choose();
  } catch (error) {
    if (turn !== asked) return;
    byId("pictures").removeAttribute("aria-busy");
    tell(error.message);
  }
}

filters.addEventListener("change", () => {
  const said = [...new FormData(filters)].filter(([, value]) => value);
  const address = new URL(filters.action);
  address.search = new URLSearchParams(said);
  show(address.href);
});

// Stars

let rating = Promise.resolve();

function prepare(fresh) {
  for (const tile of fresh) {
    const stars = tile.querySelector(".stars");
    if (stars) {
      stars.disabled = false;
      stars.dataset.said = stars.querySelector(":checked")?.value ?? "";
    }
    const pick = tile.querySelector(".pick");
    if (pick) pick.hidden = compare.getAttribute("aria-pressed") !== "true";
  }
}

async function rate(stars, value) {
  const before = stars.dataset.said;
  mark(stars, value);
  const answer = await fetch(stars.dataset.rate, {
    method: "PUT",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ rating: value ? Number(value) : null }),
  }).catch(() => null);
  tell(answer?.ok ? "" : "The stars were not saved. Give them again in a moment.");
  if (!answer?.ok) mark(stars, before);
}

function mark(stars, value) {
  stars.dataset.said = value;
  for (const star of stars.querySelectorAll("input")) star.checked = star.value === value;
}

document.addEventListener("click", (event) => {
  const stars = event.target.matches?.(".stars input") && event.target.closest(".stars");
  if (!stars) return;
  // The same star again takes them back. One after the other, so that the latest word counts.
  const value = event.target.value === stars.dataset.said ? "" : event.target.value;
  rating = rating.then(() => rate(stars, value));
});

// Comparing

function chosen() {
  return [...document.querySelectorAll(".pick :checked")];
}

function choose() {
  const boxes = chosen();
  const link = picked.querySelector("a");
  const ready = boxes.length > 1;
  picked.querySelector("p").textContent = `${boxes.length} of ${MOST_COMPARED} chosen`;
  link.setAttribute("aria-disabled", String(!ready));
  if (ready) link.href = `${picked.dataset.compare}?ids=${boxes.map((box) => encodeURIComponent(box.value)).join(",")}`;
  else link.removeAttribute("href");
  for (const box of document.querySelectorAll(".pick input:not(:checked)")) box.disabled = boxes.length >= MOST_COMPARED;
}

function comparing(on) {
  compare.setAttribute("aria-pressed", String(on));
  picked.hidden = !on;
  for (const pick of document.querySelectorAll(".pick")) {
    pick.hidden = !on;
    if (!on) pick.firstElementChild.checked = false;
  }
  choose();
}

function offer() {
  compare.hidden = tiles().length < 2;
}

compare.addEventListener("click", () => comparing(compare.getAttribute("aria-pressed") !== "true"));
picked.querySelector("button").addEventListener("click", () => { comparing(false); compare.focus(); });
document.addEventListener("change", (event) => { if (event.target.closest(".pick")) choose(); });

prepare(tiles());
offer();
await restore();
watch();
