// <before-after>: the photograph over the picture, up to a line that is moved by pointer, finger or keyboard.
class BeforeAfter extends HTMLElement {
  connectedCallback() {
    this.range = this.querySelector("input");
    const picture = this.querySelector(".after");
    picture.addEventListener("load", () => this.shape(picture));
    this.shape(picture);
    this.range.addEventListener("input", () => this.show());
    this.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      event.preventDefault(); // no picture is dragged away
      this.setPointerCapture(event.pointerId);
      this.move(event);
      this.range.focus({ preventScroll: true });
    });
    this.addEventListener("pointermove", (event) => {
      if (this.hasPointerCapture(event.pointerId)) this.move(event);
    });
    this.show();
  }

  // As tall as the window has room for, whatever its shape.
  shape(picture) {
    const [width, height] = [picture.getAttribute("width") ?? picture.naturalWidth, picture.getAttribute("height") ?? picture.naturalHeight];
    if (width && height) this.style.setProperty("--ratio", width / height);
  }

  move(event) {
    const { left, width } = this.getBoundingClientRect();
    this.range.value = ((event.clientX - left) / width) * 100;
    this.show();
  }

  show() {
    this.style.setProperty("--at", `${this.range.value}%`);
    this.range.setAttribute("aria-valuetext", `${100 - this.range.value} % painted`);
  }
}
customElements.define("before-after", BeforeAfter);
