// What is wrong, beside the control that it is about.

/** Says what is wrong with the value at `place`; whether there is a control that it stands beside. */
export function refuse(form, place, words) {
  for (let path = place; path.startsWith("body/"); path = path.slice(0, path.lastIndexOf("/"))) {
    const line = form.querySelector(`[data-refused~="${CSS.escape(path)}"]`);
    if (!line) continue;
    line.textContent = [line.textContent, words].filter(Boolean).join(" ");
    line.hidden = false;
    for (let parent = line.closest("details"); parent; parent = parent.parentElement.closest("details")) parent.open = true;
    const control = controlOf(line);
    control?.setAttribute("aria-invalid", "true");
    return true;
  }
  return false;
}

/** Says what is wrong with the form as a whole. */
export function refuseAll(form, words) {
  const summary = form.querySelector("[data-refusals]");
  summary.querySelector("ul").append(
    ...words.map((text) => Object.assign(document.createElement("li"), { textContent: text })),
  );
  summary.hidden = false;
}

/** Takes back what was said of one place, or of all. */
export function withdraw(form, place) {
  const lines = form.querySelectorAll(place ? `[data-refused~="${CSS.escape(place)}"]` : "[data-refused]");
  for (const line of lines) {
    line.textContent = "";
    line.hidden = true;
    controlOf(line)?.removeAttribute("aria-invalid");
  }
  if (place) return;
  const summary = form.querySelector("[data-refusals]");
  summary.querySelector("ul").replaceChildren();
  summary.hidden = true;
}

/** Where to look first: what is refused, else what is said of it all. */
export function goToFirst(form) {
  const line = form.querySelector("[data-refused]:not([hidden])");
  const control = line && controlOf(line);
  control?.focus({ preventScroll: true });
  (line ?? form.querySelector("[data-refusals]")).scrollIntoView({ block: "center" });
}

function controlOf(line) {
  return line.parentElement.querySelector("input:not([type='hidden']), select");
}
