// Sends the form without leaving the page, so that files which were picked are still there if it is refused.
import { megabytes } from "./dropping.js";
import { goToFirst, refuse, refuseAll, withdraw } from "./refusals.js";

export function sendByScript(form, strips, most) {
  const button = form.querySelector("[data-submit]");
  const words = button.textContent;

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    withdraw(form);
    const body = bodyOf(form, strips);
    const bytes = [...body.values()].reduce((sum, part) => sum + (part.size ?? 0), 0);
    if (bytes > most) {
      refuseAll(form, [`The files have ${megabytes(bytes)} together; they may have ${megabytes(most)}.`]);
      goToFirst(form);
      return;
    }
    button.disabled = true;
    button.textContent = bytes ? "Sending…" : "One moment…";
    try {
      const response = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" } });
      if (response.redirected) {
        location.assign(response.url);
        return;
      }
      say(form, await response.json().catch(() => ({})));
    } catch {
      refuseAll(form, ["Stylegram did not answer. Look whether it runs, and press Paint again."]);
    }
    button.disabled = false;
    button.textContent = words;
    goToFirst(form);
  });
  // Whoever comes back wants to press it again.
  addEventListener("pageshow", () => {
    button.disabled = false;
    button.textContent = words;
  });
}

function bodyOf(form, strips) {
  const body = new FormData(form);
  body.delete("share-file");
  for (const strip of Object.values(strips)) {
    body.delete(strip.name);
    for (const { part, share } of strip.chosen) {
      body.append(strip.name, part);
      if (share !== undefined && typeof part !== "string") body.append("share-file", share);
    }
  }
  return body;
}

function say(form, problem) {
  const elsewhere = (problem.errors ?? []).filter(({ where, detail }) => !refuse(form, where, detail));
  const told = problem.errors ? elsewhere.map(({ detail }) => detail) : [problem.detail ?? "Something went wrong."];
  if (told.length) refuseAll(form, told);
}
