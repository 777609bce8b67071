// Pictures to choose from: those of the house, and files that were picked or dropped.
import { bringMore } from "../more.js";

export class Strip {
  #files = new WeakMap();

  constructor(element) {
    this.element = element;
    this.name = element.dataset.strip;
    this.several = this.name === "further_styles";
    this.own = element.querySelector("[data-own]");
    // Where more do not come the link is still there to press: to leave would lose the files that were picked.
    for (const kind of ["scroll", "load"]) element.addEventListener(kind, () => this.#showThatMoreIsBelow(), true);
    new ResizeObserver(() => this.#showThatMoreIsBelow()).observe(element);
    bringMore(element, (page, link) => this.#goOn(page, link), () => {});
  }

  /** What is chosen: `key`, which no two pictures share, `title`, and the `part` that a form would send. */
  get chosen() {
    return [...this.element.querySelectorAll(`[name="${this.name}"]:checked`)].map((input) => {
      const tile = input.closest(".tile");
      const own = this.#files.get(input);
      return {
        key: own?.key ?? input.value,
        title: tile.querySelector("bdi").textContent,
        part: own?.file ?? input.value,
        small: own?.small,
        large: own ? own.address : input.dataset.large,
        share: tile.querySelector(".share")?.value,
      };
    });
  }

  /** Adds a file, chosen; `small` is the same picture for the preview, null where the browser cannot show it. */
  add(file, small) {
    const tile = this.element.querySelector("template").content.cloneNode(true).firstElementChild;
    const input = tile.querySelector(`[name="${this.name}"]`);
    const address = small && URL.createObjectURL(small);
    this.#files.set(input, { file, small, address, key: crypto.randomUUID() });
    tile.querySelector("bdi").textContent = file.name;
    tile.title = file.name;
    const image = tile.querySelector("img");
    if (address) {
      image.src = address;
      image.hidden = false;
    } else {
      const face = document.createElement("span");
      face.className = "plus unseeable";
      face.textContent = file.name.split(".").pop().slice(0, 5).toUpperCase();
      image.replaceWith(face);
    }
    if (!this.several) this.#forget();
    this.own.closest(".tile").after(tile);
    input.checked = true;
    input.focus({ preventScroll: true });
    tile.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  /** Does not offer the asset of that SHA-256, which is chosen elsewhere. */
  leaveOut(sha256) {
    for (const input of this.element.querySelectorAll(`[name="${this.name}"]`)) {
      const is = input.value === sha256;
      input.closest(".tile").hidden = is;
      if (is) input.checked = false;
    }
  }

  // One file at a time, where one picture is chosen.
  #forget() {
    for (const input of this.element.querySelectorAll(`[name="${this.name}"]`)) {
      const own = this.#files.get(input);
      if (!own) continue;
      if (own.address) URL.revokeObjectURL(own.address);
      input.closest(".tile").remove();
    }
  }

  #showThatMoreIsBelow() {
    const { scrollHeight, scrollTop, clientHeight } = this.element;
    this.element.classList.toggle("goes-on", scrollHeight - scrollTop - clientHeight > 8);
  }

  #goOn(page, link) {
    const known = new Set([...this.element.querySelectorAll(`[name="${this.name}"]`)].map((input) => input.value));
    const fresh = [...page.getElementById(this.element.id).children].filter((tile) => {
      const input = tile.querySelector(`[name="${this.name}"]:not([type="file"])`);
      return tile.matches("[data-more]") || (input && !known.has(input.value));
    });
    for (const input of fresh.flatMap((tile) => [...tile.querySelectorAll(":checked")])) input.checked = false;
    link.replaceWith(...fresh);
    fresh[0]?.querySelector("input")?.focus({ preventScroll: true });
  }
}
