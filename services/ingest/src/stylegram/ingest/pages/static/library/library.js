// Files that are picked or dropped are put in one by one, each with its progress; and more pictures come in place.
import { fetched } from "../fetched.js";
import { bringMore } from "../more.js";

for (const form of document.querySelectorAll("[data-upload]")) {
  const shelf = form.closest(".shelf");
  const input = form.elements.file;
  form.querySelector("button").hidden = true;
  form.querySelector("[data-drop-hint]").hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  input.addEventListener("change", () => {
    const files = [...input.files];
    input.value = "";
    putIn(shelf, form, files);
  });
  shelf.addEventListener("dragover", (event) => {
    event.preventDefault();
    shelf.classList.add("over");
  });
  shelf.addEventListener("dragleave", (event) => {
    if (!shelf.contains(event.relatedTarget)) shelf.classList.remove("over");
  });
  shelf.addEventListener("drop", (event) => {
    shelf.classList.remove("over");
    putIn(shelf, form, [...event.dataTransfer.files]);
  });
}

// Beside a shelf, the browser would leave the page for the file.
for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault());

bringMore(document, (page, more) => {
  const shelf = more.closest(".shelf");
  const fresh = page.getElementById(shelf.id);
  const come = [...fresh.querySelectorAll(".grid > li")];
  shelf.querySelector(".grid").append(...come);
  const next = fresh.querySelector("[data-more]");
  if (next) more.href = next.href;
  else more.closest(".more").remove();
  come[0]?.querySelector(".doings a").focus({ preventScroll: true });
});

async function putIn(shelf, form, files) {
  const rows = files.map((file) => addRow(shelf, file.name));
  let kept = false;
  for (const [number, file] of files.entries()) {
    const refusal = await send(form, file, rows[number].progress);
    rows[number].end(refusal);
    kept ||= !refusal;
  }
  if (!kept) return;
  const page = await fetched(form.dataset.page).catch(() => null);
  if (page) shelf.querySelector("[data-pictures]").replaceWith(page.querySelector(`#${shelf.id} [data-pictures]`));
}

function addRow(shelf, name) {
  const row = document.createElement("li");
  const label = document.createElement("bdi");
  const progress = document.createElement("progress");
  row.className = "row";
  label.textContent = name;
  progress.max = 1;
  progress.setAttribute("aria-label", `Putting in ${name}`);
  row.append(label, progress);
  shelf.querySelector(".uploads").append(row);
  const end = (refusal) => {
    const words = document.createElement("p");
    words.className = refusal ? "bad" : "good";
    words.textContent = refusal ?? "Put in.";
    progress.replaceWith(words);
  };
  return { progress, end };
}

/** Null, or why the file was not taken. */
function send(form, file, progress) {
  return new Promise((resolve) => {
    const body = new FormData();
    body.append("role", form.elements.role.value);
    body.append("file", file);
    const request = new XMLHttpRequest();
    request.upload.addEventListener("progress", (event) => {
      // Sent is not cleaned yet: the bar breathes until it is.
      if (event.loaded < event.total) progress.value = event.loaded / event.total;
      else progress.removeAttribute("value");
    });
    request.addEventListener("load", () => resolve(request.status === 201 ? null : reason(request)));
    request.addEventListener("error", () => resolve("The file could not be sent; try it again."));
    request.open("POST", form.dataset.upload);
    request.send(body);
  });
}

function reason(request) {
  try {
    // The file's name stands beside it.
    const { detail } = JSON.parse(request.responseText);
    return detail.split(/ is refused: (.*)/s)[1] ?? detail;
  } catch {
    return `The server answered ${request.status}.`;
  }
}
