// Keeps the parts of the page marked data-live up to date; all else works without it.
const SECONDS = 2;

async function refresh() {
  try {
    const response = document.hidden ? null : await fetch(location.href, { headers: { Accept: "text/html" } });
    if (response?.ok) {
      const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
      for (const old of document.querySelectorAll("[data-live]")) {
        const now = fresh.getElementById(old.id);
        // What has the focus is not taken from under somebody's fingers.
        if (now && old.outerHTML !== now.outerHTML && !old.contains(document.activeElement)) old.replaceWith(now);
      }
    }
  } catch {
    // The service restarts; the next look finds it.
  }
  setTimeout(refresh, SECONDS * 1000);
}
setTimeout(refresh, SECONDS * 1000);
