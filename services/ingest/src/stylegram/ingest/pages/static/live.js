// Keeps the parts of the page marked data-live up to date; all else works without it.
import { fetched } from "./fetched.js";

// Where nothing happens, looks become rarer; nobody looks at a page that is hidden.
const SHORTEST = 2, LONGEST = 4; // seconds

let pause = SHORTEST;
let timer = null;

// What somebody is at is not taken from under their fingers: what has the focus, is pressed, or was opened.
function isInUse(part) {
  return part.matches(":focus-within, :active") || part.querySelector("details[open]");
}

function wait() {
  clearTimeout(timer);
  if (!document.hidden) timer = setTimeout(look, pause * 1000);
}

async function look() {
  let changed = false;
  try {
    const fresh = await fetched(location.href);
    for (const old of document.querySelectorAll("[data-live]")) {
      const now = fresh.getElementById(old.id);
      if (!now || old.outerHTML === now.outerHTML || isInUse(old)) continue;
      old.replaceWith(now);
      changed = true;
    }
  } catch {
    // The service restarts; the next look finds it.
  }
  pause = changed ? SHORTEST : Math.min(pause * 1.5, LONGEST);
  wait();
}

document.addEventListener("visibilitychange", () => {
  pause = SHORTEST;
  wait();
});
wait();
