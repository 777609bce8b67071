// The record comes alive: the run that is pointed at is shown, what takes long is fetched when it is near, and runs are
// chosen to be compared. Without this all of it is there as links and forms.
import { fetched } from "../fetched.js";
import { bringMore } from "../more.js";

const FEWEST = 2, MOST = 4;
const NEAR = 28; // pixels

// --- The run that is pointed at

const panel = document.getElementById("pointed");
const charts = [...document.querySelectorAll(".front .chart")];

function show(run) {
  if (panel.firstElementChild.dataset.run === run) return;
  const card = document.getElementById("cards").content.querySelector(`[data-run="${CSS.escape(run)}"]`);
  panel.replaceChildren(document.importNode(card, true));
  mark(run);
}

function mark(run) {
  for (const point of document.querySelectorAll(".front a[data-run]")) {
    point.classList.toggle("pointed", point.dataset.run === run);
  }
}

function nearest(chart, event) {
  let found = null, least = NEAR;
  for (const link of chart.querySelectorAll("a[data-run]")) {
    const box = link.getBoundingClientRect();
    const away = Math.hypot(box.x + box.width / 2 - event.clientX, box.y + box.height / 2 - event.clientY);
    // Of points on one another, the upper one, which comes later.
    if (away <= least) [found, least] = [link, away];
  }
  return found;
}

for (const chart of charts) {
  chart.addEventListener("pointermove", (event) => {
    const link = event.pointerType === "mouse" && nearest(chart, event);
    if (link) show(link.dataset.run);
  });
  chart.addEventListener("focusin", (event) => {
    const link = event.target.closest("a[data-run]");
    if (link) show(link.dataset.run);
  });
  // A finger first sees what it points at; the card leads on.
  chart.addEventListener("click", (event) => {
    if (event.pointerType !== "touch") return;
    event.preventDefault();
    const link = nearest(chart, event);
    if (link) show(link.dataset.run);
  });
  walk(chart);
}
if (panel) {
  mark(panel.firstElementChild.dataset.run);
  document.querySelector(".pointing").hidden = false;
}

// One stop for the keyboard, from which arrows walk along the front, from left to right.
function walk(chart) {
  const left = (link) => link.getBBox().x;
  const stops = [...chart.querySelectorAll("a[data-run]:not([tabindex])")];
  const order = () => stops.sort((one, other) => left(one) - left(other));
  // The best is drawn last, above all others.
  stops.forEach((stop, at) => stop.setAttribute("tabindex", at === stops.length - 1 ? 0 : -1));
  chart.addEventListener("keydown", (event) => {
    const at = order().indexOf(event.target);
    const next = {
      ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: stops.length - 1,
    }[event.key];
    if (at < 0 || next === undefined) return;
    event.preventDefault();
    if (!stops[next]) return;
    stops[at].setAttribute("tabindex", -1);
    stops[next].setAttribute("tabindex", 0);
    stops[next].focus();
  });
}

// --- What takes long

async function load(part) {
  part.setAttribute("aria-busy", "true");
  try {
    const page = await fetched(part.dataset.part);
    part.replaceWith(page.getElementById(part.id));
  } catch {
    // Its link is still there.
    part.removeAttribute("aria-busy");
  }
}

const near = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      load(target);
    }
  },
  { rootMargin: "400px" },
);
for (const part of document.querySelectorAll("[data-part]")) near.observe(part);

// --- More of the leaderboard, and runs to compare

const board = document.getElementById("board");
const form = document.getElementById("compare");

function goOn(page, link) {
  const rows = [...page.querySelectorAll("#board tbody tr")];
  const body = board.querySelector("tbody");
  const place = link.closest("p");
  const more = page.querySelector("#board [data-more]")?.closest("p");
  if (body) body.append(...rows);
  else if (rows.length) place.before(rows[0].closest("table"));
  if (more) place.replaceWith(more);
  else place.remove();
  rows[0]?.querySelector(".pair").focus();
  tell();
}

if (board) bringMore(board, goOn);

function tell() {
  const boxes = [...document.querySelectorAll('[form="compare"]')];
  const count = boxes.filter((box) => box.checked).length;
  for (const box of boxes) box.disabled = count >= MOST && !box.checked;
  form.classList.toggle("some", count > 0);
  form.querySelector("button").disabled = count < FEWEST;
  form.querySelector("[role=status]").textContent = {
    0: "Choose two to four runs to see them side by side.",
    1: "One is chosen: choose another.",
    [MOST]: `${MOST} are chosen, which is as many as fit.`,
  }[count] ?? `${count} are chosen.`;
}

if (form) {
  board.addEventListener("change", tell);
  tell();
}

// A picture that is gone leaves its place.
function leave(image) {
  if (!image.closest("[data-run], .compared")) return;
  const blank = document.createElement("span");
  blank.className = "blank";
  blank.textContent = "no picture";
  image.replaceWith(blank);
}

document.addEventListener("error", ({ target }) => target instanceof HTMLImageElement && leave(target), true);
for (const image of document.images) if (image.complete && !image.naturalWidth) leave(image);
