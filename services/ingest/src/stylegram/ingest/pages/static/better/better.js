// The next two pictures are there before somebody asks for them, and what somebody says is sent meanwhile. What cannot be
// sent is kept in this browser until it can. Without this there are forms.
import { fetched } from "../fetched.js";
import { keep, kept } from "../kept.js";

const UNSENT = ["localStorage", "stylegram-unsent-comparisons"];
const PAUSE_SECONDS = 4;
// As many as the server keeps away from.
const MOST_SKIPPED = 20;

const byId = (id) => document.getElementById(id);
const arena = byId("arena");
const filters = byId("filters");
const back = byId("back");
const tell = (words) => { byId("trouble").textContent = words; };
const say = (words) => { byId("news").textContent = words; };

const shown = () => byId("pair");
const skipped = [];
// What can be taken back: id, first and second, the latest last.
const said = byId("back").hidden ? [] : [Object.fromEntries(new FormData(back))];
// Forms that are to be posted, as they are written in a body.
const unsent = kept(...UNSENT);
// What comes after what is shown; null until it is there.
let next = null;
// Whether what is shown was answered already, and waits for its successor.
let waiting = false;
// What was done to it, to be said once more with what its successor shows.
let done = "";
// Grows when what was asked before is no answer any more: something else is to be compared, or nobody knew then what was
// said of the pictures that are shown.
let turn = 0;
// Whatever is asked of the server waits for what was asked before it.
let line = Promise.resolve();

// What is shown

function put(pair) {
  const side = document.activeElement?.dataset?.side;
  const had = arena.contains(document.activeElement);
  shown().replaceWith(document.adoptNode(pair));
  waiting = false;
  done = "";
  arena.removeAttribute("aria-busy");
  const over = !shown().dataset.key;
  for (const id of ["skip", "closer"]) if (byId(id)) byId(id).hidden = over;
  if (byId("closer")?.getAttribute("aria-pressed") === "true") closer(true);
  if (had) (shown().querySelector(`[data-side="${side}"]`) ?? arena).focus({ preventScroll: true });
  return over ? "" : [...shown().querySelectorAll(".choice img")].map((image) => image.alt).join(". ");
}

function wait(words) {
  turn += 1;
  next = null;
  waiting = true;
  done = words;
  say(words);
  arena.setAttribute("aria-busy", "true");
}

// Goes on to the next two, now or as soon as they are there.
function advance(words) {
  if (next && next.dataset.key !== shown().dataset.key) {
    const pair = next;
    next = null;
    say(`${words} ${put(pair)}`);
  } else {
    wait(words);
  }
  back.hidden = !said.length;
}

// The two pictures of a page that came, once its ranking stands here.
function pairOf(page) {
  const standing = page.getElementById("standing");
  if (standing && byId("standing")?.innerHTML !== standing.innerHTML) byId("standing")?.replaceWith(standing);
  const pair = page.getElementById("pair");
  // Somebody has to log in again.
  if (!pair) location.reload();
  return pair;
}

// They are for now, or for later.
function take(page) {
  const pair = pairOf(page);
  if (!pair) return;
  if (waiting || !shown().dataset.key) {
    const words = `${done} ${put(pair)}`.trim();
    if (words) say(words);
    if (pair.dataset.key) look();
  } else {
    next = pair;
    for (const image of pair.querySelectorAll("img")) {
      const early = new Image();
      early.sizes = image.sizes;
      early.srcset = image.srcset;
      early.src = image.getAttribute("src");
    }
  }
}

// What was said of them was taken back: they are shown again, and what was shown comes after them.
function takeAgain(page) {
  const pair = pairOf(page);
  if (!pair) return;
  if (!waiting && shown().dataset.key) next = shown().cloneNode(true);
  say(`Taken back. ${put(pair)}`);
}

// Questions

function wishes() {
  return [...new FormData(filters)].filter(([, value]) => value);
}

function addressOf(keys) {
  const address = new URL(filters.action);
  address.search = new URLSearchParams([...wishes(), ...keys.slice(-MOST_SKIPPED).map((key) => ["not", key])]);
  return address;
}

function away() {
  return waiting || !shown().dataset.key ? skipped : [...skipped, shown().dataset.key];
}

// Asks for what comes after what is shown.
function look() {
  const asked = turn;
  line = line.then(async () => {
    if (next || asked !== turn) return;
    try {
      const page = await fetched(addressOf(away()));
      if (asked === turn) take(page);
    } catch (error) {
      if (error.status === 401) return location.reload();
      tell(error.message);
      await pause();
      look();
    }
  });
}

function send(form) {
  unsent.push(new URLSearchParams(form).toString());
  keep(...UNSENT, unsent);
  drain();
}

function drain() {
  line = line.then(async () => {
    while (unsent.length) await sendFirst();
  });
}

async function sendFirst() {
  const asked = turn;
  const body = new URLSearchParams(unsent[0]);
  for (const key of away()) body.append("not", key);
  let page = null;
  try {
    page = await fetched(filters.action, { method: "POST", body });
    tell("");
  } catch (error) {
    if (error.status === 401) return location.reload();
    // What is refused would be refused again; all else is tried until it is heard.
    if (!(error.status >= 400 && error.status < 500)) {
      tell(`${error.message} What you said is kept here, and sent as soon as that goes.`);
      return pause();
    }
    tell(`That was not kept. ${error.message}`);
  }
  unsent.shift();
  keep(...UNSENT, unsent);
  if (page && !body.has("better")) takeAgain(page);
  else if (page && !unsent.length && asked === turn) take(page);
  if (!unsent.length && !next) look();
}

function pause() {
  return new Promise((go) => {
    setTimeout(go, PAUSE_SECONDS * 1000);
    addEventListener("online", go, { once: true });
  });
}

// What somebody does

function choose(button) {
  if (waiting) return;
  const form = Object.fromEntries(new FormData(shown(), button));
  said.push({ id: form.id, first: form.first, second: form.second });
  advance("Saved.");
  send(form);
}

function skip() {
  if (waiting || !shown().dataset.key) return;
  skipped.push(shown().dataset.key);
  skipped.splice(0, skipped.length - MOST_SKIPPED);
  advance("Skipped.");
  look();
}

function takeBack() {
  const last = said.pop();
  back.hidden = !said.length;
  if (!last) return;
  // The button is gone with what it was for.
  if (back.hidden && !arena.contains(document.activeElement)) arena.focus({ preventScroll: true });
  send({ ...last, ...Object.fromEntries(wishes()) });
}

function closer(on) {
  byId("closer").setAttribute("aria-pressed", String(on));
  arena.classList.toggle("closer", on);
  for (const image of arena.querySelectorAll(".stage img")) {
    if (on) {
      image.removeAttribute("srcset");
      image.src = image.dataset.whole;
    }
  }
}

document.addEventListener("submit", (event) => {
  if (event.target === shown()) choose(event.submitter);
  else if (event.target === back) takeBack();
  else return;
  event.preventDefault();
});

document.addEventListener("click", (event) => {
  if (event.target.closest("#skip")) {
    event.preventDefault();
    skip();
  } else if (event.target.closest("#closer")) {
    closer(byId("closer").getAttribute("aria-pressed") !== "true");
  }
});

// Letters and digits only where somebody is at the pictures: elsewhere programs that listen to speech would press them.
const KEYS = { ArrowLeft: 0, ArrowRight: 1, 1: 0, 2: 1 };
document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.repeat || event.target.closest("select, input")) return;
  if (event.key.length === 1 && !arena.contains(document.activeElement)) return;
  const button = shown().querySelectorAll(".choice")[KEYS[event.key]];
  if (button) choose(button);
  else if (event.key === "s") skip();
  else if (event.key === "Backspace") takeBack();
  else return;
  event.preventDefault();
});

arena.addEventListener("pointermove", (event) => {
  const stage = event.target.closest(".stage");
  if (!stage || !arena.classList.contains("closer")) return;
  const box = stage.getBoundingClientRect();
  arena.style.setProperty("--x", `${100 * (event.clientX - box.left) / box.width}%`);
  arena.style.setProperty("--y", `${100 * (event.clientY - box.top) / box.height}%`);
});

filters.querySelector("button").hidden = true;
filters.addEventListener("change", () => {
  history.replaceState(null, "", addressOf([]));
  skipped.length = 0;
  wait("");
  look();
});

if (byId("closer")) byId("closer").hidden = false;
if (shown().dataset.key) arena.focus({ preventScroll: true });
if (unsent.length) drain();
look();
