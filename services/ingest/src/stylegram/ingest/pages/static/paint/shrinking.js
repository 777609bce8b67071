// A preview needs few pixels: a photograph of ten megabytes becomes one of fifty kilobytes.
const LONGEST = 640;
// What is smaller is refused: by its own size, not by that of a smaller copy.
const LEAST_SIDE = 16;

/** The picture as a JPEG of up to 640 pixels, upright; the file itself, where that would be too narrow to be taken for a
 * picture; null where the browser cannot read it. */
export async function shrink(file) {
  let picture;
  try {
    picture = await createImageBitmap(file);
  } catch {
    return null;
  }
  const scale = Math.min(1, LONGEST / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  if (Math.min(picture.width, picture.height) * scale < LEAST_SIDE) {
    picture.close();
    return file;
  }
  const context = canvas.getContext("2d");
  // As Stylegram does it: what is transparent is white.
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close();
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.9));
}
