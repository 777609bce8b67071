// The page's parts, put together. Each has a module; without script the form works all the same.
import { takeFiles } from "./dropping.js";
import { watchHyperparameters } from "./hyperparameters.js";
import { Preview } from "./preview.js";
import { refuse, withdraw } from "./refusals.js";
import { Strip } from "./strip.js";
import { sendByScript } from "./submitting.js";

const form = document.querySelector("#paint");
const most = Number(form.dataset.mostBytes);
const strips = Object.fromEntries(
  [...form.querySelectorAll("[data-strip]")].map((element) => [element.dataset.strip, new Strip(element)]),
);
const preview = new Preview(form, strips);

for (const [name, strip] of Object.entries(strips)) {
  takeFiles(form.querySelector(`[data-drop="${name}"]`), strip, {
    most,
    refused: (words) => {
      const [stays] = strip.several ? [] : strip.chosen;
      if (!strip.several) withdraw(form, `body/${name}`);
      refuse(form, `body/${name}`, stays ? `${words} “${stays.title}” stays chosen.` : words);
    },
    taken: () => {
      withdraw(form, `body/${name}`);
      leaveOutTheFirst();
      preview.show();
    },
  });
  strip.element.addEventListener("change", ({ target }) => {
    if (target === strip.own) return;
    withdraw(form, `body/${name}`);
    leaveOutTheFirst();
    preview.show();
  });
}
strips.further_styles.element.closest("details").addEventListener("toggle", leaveOutTheFirst);
leaveOutTheFirst();

// The first painting is not mixed with itself.
function leaveOutTheFirst() {
  const [first] = strips.style.chosen;
  strips.further_styles.leaveOut(first?.part);
}

// A file that misses its place does not replace the page.
for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => event.preventDefault());

watchHyperparameters(form.querySelector("[data-hyperparameters]"), form);
sendByScript(form, strips, most);
preview.show();
