// The loss as it falls, drawn like the charts of the server and by their sheet.
const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 340, HEIGHT = 210;
const LEFT = 34, RIGHT = WIDTH - 8, TOP = 26, BOTTOM = HEIGHT - 40;

function tag(name, attributes, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

// The least round step of which at most so many fit below the number.
function step(high, most) {
  const magnitude = 10 ** Math.floor(Math.log10(high / most));
  return [1, 2, 2.5, 5, 10].find((each) => each * magnitude >= (high / most) * 0.999) * magnitude;
}

// Points have an evaluation and a loss; scales are pairs of a longer side and its evaluations.
export function curve(points, scales, evaluations) {
  const each = step(Math.max(...points.map((point) => point.loss), 1e-9), 4);
  const steps = Math.ceil(Math.max(...points.map((point) => point.loss)) / each - 1e-9) || 1;
  const x = (evaluation) => LEFT + (evaluation / evaluations) * (RIGHT - LEFT);
  const y = (loss) => BOTTOM - (loss / (steps * each)) * (BOTTOM - TOP);
  const last = points.at(-1);
  const parts = [];
  for (let at = 0; at <= steps; at++) {
    const value = at * each;
    parts.push(tag("line", { x1: LEFT, x2: RIGHT, y1: y(value), y2: y(value), class: at ? "grid" : "axis" }));
    parts.push(tag("text", { x: LEFT - 8, y: y(value) + 4, class: "tick end" }, `${Number(value.toPrecision(3))}`));
  }
  let begun = 0;
  for (const [size, count] of scales) {
    if (begun) parts.push(tag("line", { x1: x(begun), x2: x(begun), y1: TOP, y2: BOTTOM, class: "guide" }));
    if (x(count) - LEFT > 50) parts.push(tag("text", { x: x(begun + count / 2), y: TOP - 10, class: "tick middle" }, `${size} px`));
    begun += count;
  }
  for (const evaluation of [0, evaluations])
    parts.push(tag("text", { x: x(evaluation), y: BOTTOM + 17, class: evaluation ? "tick end" : "tick middle" }, `${evaluation}`));
  parts.push(tag("text", { x: (LEFT + RIGHT) / 2, y: BOTTOM + 33, class: "name middle" }, "Loss by evaluation"));
  const path = points.map((point) => `${x(point.evaluation).toFixed(1)},${y(point.loss).toFixed(1)}`).join("L");
  parts.push(tag("path", { d: `M${path}`, class: "line series-0" }));
  parts.push(tag("circle", { cx: x(last.evaluation), cy: y(last.loss), r: 4, class: "point series-0" }));
  const label = `Loss by evaluation, from ${points[0].loss.toPrecision(3)} to ${last.loss.toPrecision(3)} so far`;
  return tag("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "chart", role: "img", "aria-label": label }, ...parts);
}
