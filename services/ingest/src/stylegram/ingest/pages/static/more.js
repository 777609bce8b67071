// Links marked data-more bring what they lead to here, and once, however often they are pressed.
import { fetched } from "./fetched.js";

// `take` gets the page and the link. Where the page does not come or is another one, the link leads there, or `failed` is
// asked. With a key held down it is a link like any other.
export function bringMore(place, take, failed = (link) => location.assign(link.href)) {
  place.addEventListener("click", async (event) => {
    const link = event.target.closest("[data-more]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if (link.ariaBusy === "true") return;
    link.ariaBusy = "true";
    try {
      const page = await fetched(link.href);
      // The list that it goes on with may be another one by now.
      if (link.isConnected) take(page, link);
    } catch {
      failed(link);
    } finally {
      link.ariaBusy = "false";
    }
  });
}
