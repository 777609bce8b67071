// <easel-view>: a picture while it is painted. Numbers and the curve come by the job's events; what the server draws,
// and how it ends, by looking at the page again. All state is the server's, but for the points of the curve: of these it
// knows the newest alone, so the others are kept here, for as long as the window is open.
import { fetched } from "../fetched.js";
import { keep, kept } from "../kept.js";
import { curve } from "./curve.js";
import { inWords, roughly, scaleAt, secondsLeft } from "./pace.js";

const LOOK_SECONDS = 2;
const ASK_AGAIN_SECONDS = 5;
// What has not come by then does not come; and for how long nobody answers before it is said.
const PATIENCE_SECONDS = 10;
const SILENCE_SECONDS = 3;
// Nobody at all, or a proxy that finds nobody behind it.
const NOBODY = [0, 502, 503, 504];
const MOST_POINTS = 600;

class EaselView extends HTMLElement {
  connectedCallback() {
    this.news = JSON.parse(this.dataset.news);
    this.began = this.news.elapsed === null ? null : performance.now() - this.news.elapsed * 1000;
    this.silentSince = null;
    this.points = kept("sessionStorage", `easel ${this.news.id}`);
    this.note();
    this.follow();
    this.timers = [setInterval(() => this.look(), LOOK_SECONDS * 1000), setInterval(() => this.tick(), 1000)];
  }

  disconnectedCallback() {
    this.source.close();
    clearTimeout(this.again);
    this.timers.forEach(clearInterval);
    this.answered();
  }

  follow() {
    this.source = new EventSource(this.dataset.events);
    for (const kind of ["snapshot", "update", "end"]) this.source.addEventListener(kind, (event) => this.hear(JSON.parse(event.data)));
    this.source.addEventListener("end", () => this.source.close());
    this.source.addEventListener("error", () => {
      this.look();
      // Otherwise the browser connects again by itself.
      if (this.source.readyState === EventSource.CLOSED && this.isConnected) this.again = setTimeout(() => this.follow(), ASK_AGAIN_SECONDS * 1000);
    });
  }

  hear(news) {
    this.answered();
    if (news.sequence <= this.news.sequence) return;
    Object.assign(this.news, news);
    if (this.news.state === picture().dataset.state) this.note();
    else this.look({ unasked: false });
  }

  // What is known by now, to where it is shown.
  note() {
    const { id, attempt, evaluation, evaluations, loss, scales } = this.news;
    if (evaluation !== null && loss !== null && this.points.at(-1)?.evaluation !== evaluation) {
      // An attempt that begins anew, or goes on from a checkpoint, paints that once more.
      this.points = this.points.filter((point) => point.evaluation < evaluation);
      this.points.push({ attempt, evaluation, loss, at: Date.now() });
      if (this.points.length > MOST_POINTS) this.points = this.points.filter((_, at) => at % 2 || at + 1 === this.points.length);
      keep("sessionStorage", `easel ${id}`, this.points);
    }
    if (evaluation !== null && evaluations) {
      const bar = this.querySelector("progress");
      if (bar) [bar.max, bar.value] = [evaluations, evaluation];
      this.show("evaluation", `${evaluation}`);
      this.show("evaluations", `${evaluations}`);
      this.show("scale", scaleAt(scales, evaluation));
    }
    if (loss !== null) this.show("loss", loss.toFixed(4));
    const figure = this.querySelector(".curve");
    if (figure && this.points.length > 1 && evaluations) {
      figure.replaceChildren(curve(this.points, scales, evaluations));
      figure.hidden = false;
    }
    this.tick();
  }

  tick() {
    if (this.silentSince !== null && performance.now() - this.silentSince >= SILENCE_SECONDS * 1000) {
      // Nobody knows whether it is still painted: the clocks stand.
      alarm("Stylegram does not answer; trying again.");
      return;
    }
    if (this.news.state !== "running") return;
    if (this.began !== null) this.show("elapsed", inWords((performance.now() - this.began) / 1000));
    const seconds = secondsLeft(this.points, this.news.scales, Date.now());
    const finishing = this.news.evaluation === this.news.evaluations;
    this.show("left", seconds === null || finishing ? null : roughly(seconds));
  }

  answered() {
    if (this.silentSince === null) return;
    this.silentSince = null;
    alarm("");
  }

  // A text into its place, which is there while there is one.
  show(name, text) {
    const place = this.querySelector(`[data-show="${name}"]`);
    if (!place) return;
    place.closest("div").hidden = text === null;
    if (text !== null && place.textContent !== `${text}`) place.textContent = text;
  }

  // See how the page looks by now; unasked only while somebody looks at it.
  async look({ unasked = true } = {}) {
    if (unasked && (document.hidden || this.looking)) return;
    this.looking = true;
    try {
      const page = await fetched(location.href, { signal: AbortSignal.timeout(PATIENCE_SECONDS * 1000) });
      this.answered();
      const fresh = page.getElementById("picture");
      if (!this.isConnected) return;
      if (fresh.dataset.state !== picture().dataset.state) {
        if (!fresh.querySelector("easel-view")) keep("sessionStorage", `easel ${this.news.id}`, []);
        await turn(page, fresh);
        return;
      }
      this.hear(JSON.parse(fresh.querySelector("easel-view").dataset.news));
      await swap(fresh, "standing");
      await swap(fresh, "canvas");
    } catch (error) {
      // Where the service restarts, the next look finds it; a picture that is gone stays gone.
      if (error.status === 404) location.reload();
      if (NOBODY.includes(error.status)) this.silentSince ??= performance.now();
      else this.answered();
    } finally {
      this.looking = false;
    }
  }
}

const picture = () => document.getElementById("picture");

// To be seen by all, unlike what is said otherwise there; nothing, where there is no more alarm.
function alarm(words) {
  const place = document.getElementById("said");
  if (place.textContent !== words) place.textContent = words;
  place.className = words ? "alarm" : "unseen";
}

// No picture is shown before all of it is there.
async function ready(element) {
  const images = [...element.querySelectorAll(".canvas img, .after")].map((image) => {
    const loaded = new Image();
    loaded.src = image.src;
    return loaded.decode().catch(() => {});
  });
  await Promise.all(images);
}

async function swap(fresh, id) {
  const [old, now] = [document.getElementById(id), fresh.querySelector(`#${id}`)];
  if (!old || !now || old.outerHTML === now.outerHTML) return;
  await ready(now.parentElement);
  // What has the focus is not taken from under somebody's fingers.
  if (!old.matches(":focus-within")) old.replaceWith(now);
}

// To the page of another state, in place.
async function turn(page, fresh) {
  const old = picture();
  await ready(fresh);
  // Another look was faster.
  if (!old.isConnected) return;
  const change = () => {
    const focused = old.contains(document.activeElement);
    document.title = page.title;
    old.replaceWith(fresh);
    // Another document's films do not begin to load by themselves.
    for (const film of fresh.querySelectorAll("video")) film.load();
    document.getElementById("said").textContent = fresh.dataset.said;
    if (focused) document.getElementById("main").focus({ preventScroll: true });
  };
  if (document.startViewTransition && !matchMedia("(prefers-reduced-motion: reduce)").matches) document.startViewTransition(change);
  else change();
}

customElements.define("easel-view", EaselView);
