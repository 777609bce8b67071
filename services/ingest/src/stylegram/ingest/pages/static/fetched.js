// The page at an address of ours, as a document.
//
// Where it does not come, throws an error with the page's words and its status; 0 is that nobody answered.
export async function fetched(address, options = {}) {
  let response;
  try {
    response = await fetch(address, { ...options, headers: { Accept: "text/html" } });
  } catch {
    throw Object.assign(new Error("There is no connection."), { status: 0 });
  }
  // Nothing but the door leads those elsewhere who only look.
  if (response.redirected && !options.method) {
    throw Object.assign(new Error("You are logged out: load the page again."), { status: 401 });
  }
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  if (!response.ok) {
    const words = page.querySelector("main p:not(.eyebrow)")?.textContent.trim();
    throw Object.assign(new Error(words || `The answer was ${response.status}.`), { status: response.status });
  }
  return page;
}
