// Files that are picked or dropped become tiles of a strip.
import { shrink } from "./shrinking.js";

// What Stylegram reads and not every browser shows.
const READ_ELSEWHERE = /\.(heic|heif|hif|avif|tiff?)$/i;

/** Takes files for `strip` from its control, and from whatever is dropped onto `place`. */
export function takeFiles(place, strip, { most, refused, taken }) {
  // One after the other: of two that are dropped in turn, the later one is chosen, however long they take to read.
  let line = Promise.resolve();

  function take(files) {
    line = line.then(() => takeNow(files));
  }

  async function takeNow(files) {
    for (const file of strip.several ? files : files.slice(0, 1)) {
      const small = file.size <= most && (await shrink(file));
      if (file.size > most) {
        refused(`“${file.name}” has ${megabytes(file.size)}; a file may have ${megabytes(most)}.`);
      } else if (!small && !READ_ELSEWHERE.test(file.name)) {
        refused(`“${file.name}” cannot be read as a picture.`);
      } else {
        strip.add(file, small);
        taken();
      }
    }
  }

  function takePicked() {
    const files = [...strip.own.files];
    // The tile has the file now, and the same one may be picked again.
    strip.own.value = "";
    take(files);
  }

  strip.own.addEventListener("change", takePicked);
  // Somebody was faster than this script, or came back to the page.
  takePicked();
  // Entering a child comes before leaving its parent.
  let inside = 0;
  place.addEventListener("dragenter", () => place.classList.toggle("dropping", ++inside > 0));
  place.addEventListener("dragleave", () => place.classList.toggle("dropping", --inside > 0));
  place.addEventListener("drop", (event) => {
    inside = 0;
    place.classList.remove("dropping");
    take([...(event.dataTransfer?.files ?? [])]);
  });
}

/** A file's size for people. */
export function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}
