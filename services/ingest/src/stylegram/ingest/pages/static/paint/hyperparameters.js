// Marks what is not as usual, and keeps a knob and its exact control from saying two things.

/** Watches the controls below `list`, and the knobs of `form` that set the same. */
export function watchHyperparameters(list, form) {
  const settings = [...list.querySelectorAll("[data-setting]")];
  const reset = list.querySelector("[data-reset]");
  const count = list.querySelector("[data-changed-count]");
  const knobs = (name) => [...form.querySelectorAll(`.knobs [name="${name}"]`)];

  function mark() {
    const changed = settings.filter((setting) => {
      const is = controlOf(setting).value.trim() !== setting.dataset.default;
      setting.toggleAttribute("data-changed", is);
      return is;
    });
    count.textContent = `${changed.length} changed`;
    count.hidden = reset.hidden = changed.length === 0;
  }

  form.addEventListener("input", ({ target }) => {
    const setting = target.closest("[data-setting]");
    if (setting) {
      if (target.value) for (const knob of knobs(target.name)) knob.checked = false;
      else usual(target.name);
    } else if (target.closest(".knobs")) {
      const exact = list.querySelector(`[data-setting="${target.name}"] input`);
      if (exact) exact.value = "";
    }
    mark();
  });
  // What cannot be sent is shown, wherever it is.
  list.addEventListener("invalid", () => (list.open = true), true);
  reset.addEventListener("click", () => {
    for (const setting of settings) {
      const control = controlOf(setting);
      if (control.value !== setting.dataset.default) {
        control.value = setting.dataset.default;
        usual(control.name);
      }
    }
    mark();
    list.querySelector("summary").focus();
  });
  mark();

  // The knob at what the model has, where none is chosen.
  function usual(name) {
    const all = knobs(name);
    if (all.length && !all.some((knob) => knob.checked)) all.find((knob) => "usual" in knob.dataset).checked = true;
  }
}

function controlOf(setting) {
  return setting.querySelector("input, select");
}
