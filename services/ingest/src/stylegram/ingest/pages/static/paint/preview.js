// What a fast network makes of the pair, as soon as there is one.
import { refuse } from "./refusals.js";

// While somebody walks along a strip with the arrow keys, most pairs are not worth a preview.
const PAUSE = 120;
// Pairs that are shown again at once; each has some fifty kilobytes.
const MOST_KNOWN = 50;
const HONEST = "Quick preview. The painting is finer, and follows what you set.";

export class Preview {
  #known = new Map();
  #running = null;
  #showing = "";
  #comparing = false;

  constructor(form, strips) {
    this.form = form;
    this.strips = strips;
    this.figure = form.querySelector("[data-preview]");
    this.picture = this.figure.querySelector("[data-hero]");
    this.names = this.figure.querySelector("[data-names]");
    this.state = this.figure.querySelector("[data-state]");
    this.compare = form.querySelector("[data-compare]");
    this.compare.addEventListener("click", () => this.#toggle(!this.#comparing));
  }

  /** Shows what is chosen now. */
  async show() {
    const [content] = this.strips.content.chosen;
    const [style] = this.strips.style.chosen;
    const key = `${content?.key} ${style?.key}`;
    if (key === this.#showing) {
      if (this.#known.has(key)) this.#say();
      return;
    }
    this.#showing = key;
    this.#running?.abort();
    this.compare.hidden = true;
    if (content?.large) this.#set(content.large, content.title);
    if (!content || !style) return;
    this.#name(content, style);
    const waiting = (this.#running = new AbortController());
    let shown = this.#known.get(key);
    if (!shown) {
      this.figure.ariaBusy = "true";
      this.state.textContent = "Previewing…";
      this.state.title = "";
      try {
        await new Promise((resolve) => setTimeout(resolve, this.#known.size ? PAUSE : 0));
        if (waiting.signal.aborted) return;
        shown = await this.#paint(content, style, waiting.signal);
      } catch (error) {
        if (!waiting.signal.aborted) this.#fail(error);
        return;
      }
    }
    this.#remember(key, shown);
    // What was asked for later may have come earlier.
    if (waiting.signal.aborted) return;
    this.photograph = content.large;
    this.painted = shown;
    this.alt = `Preview of ${content.title} in the manner of ${style.title}`;
    this.#toggle(false);
    this.figure.ariaBusy = "false";
    this.#say();
    this.compare.hidden = !content.large;
  }

  // Forgets what was not shown for longest.
  #remember(key, address) {
    this.#known.delete(key);
    this.#known.set(key, address);
    if (this.#known.size <= MOST_KNOWN) return;
    const [[oldest, its]] = this.#known;
    URL.revokeObjectURL(its);
    this.#known.delete(oldest);
  }

  async #paint(content, style, signal) {
    const body = new FormData();
    for (const [name, chosen] of Object.entries({ content, style })) {
      // A refusal names the file, which a smaller copy does not know.
      if (chosen.small) body.append(name, chosen.small, chosen.part.name);
      else body.append(name, chosen.part);
    }
    const response = await fetch(this.figure.dataset.preview, { method: "POST", body, signal });
    if (!response.ok) throw await response.json().catch(() => ({}));
    return URL.createObjectURL(await response.blob());
  }

  #fail(problem) {
    this.figure.ariaBusy = "false";
    const placed = (problem.errors ?? []).filter(({ where, detail }) => refuse(this.form, where, detail));
    if (placed.length) this.state.textContent = "There is no preview of this pair.";
    else if (problem instanceof TypeError) this.state.textContent = "There is no quick preview: Stylegram does not answer.";
    else this.state.textContent = "There is no quick preview now; painting works all the same.";
    this.state.title = problem.detail ?? "";
    // The next look may find what was missing.
    this.#showing = "";
  }

  #say() {
    this.state.textContent = this.strips.further_styles.chosen.length ? `${HONEST} It knows the first painting only.` : HONEST;
  }

  #name(content, style) {
    const [first, second] = [content, style].map(({ title }) =>
      Object.assign(document.createElement("bdi"), { textContent: title }),
    );
    const times = Object.assign(document.createElement("span"), { className: "times", textContent: " × ", ariaHidden: "true" });
    const words = Object.assign(document.createElement("span"), { className: "unseen", textContent: " in the manner of " });
    this.names.replaceChildren(first, times, words, second);
  }

  #toggle(comparing) {
    this.#comparing = comparing;
    this.compare.ariaPressed = String(comparing);
    if (comparing) this.#set(this.photograph, "The photograph");
    else this.#set(this.painted, this.alt);
  }

  #set(address, words) {
    this.picture.src = address;
    this.picture.alt = words;
    this.picture.hidden = false;
    this.figure.querySelector("[data-invitation]")?.remove();
  }
}
