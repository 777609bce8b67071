// How long a picture will take: an evaluation's work is its pixels'.
const WINDOW_SECONDS = 30;
const LEAST_SECONDS = 3;

export function scaleAt(scales, evaluation) {
  let done = 0;
  for (const [size, count] of scales) {
    done += count;
    if (evaluation <= done) return size;
  }
  return null;
}

function work(scales, evaluation) {
  let before = 0, sum = 0;
  for (const [size, count] of scales) {
    sum += Math.min(Math.max(evaluation - before, 0), count) * size ** 2;
    before += count;
  }
  return sum;
}

// Seconds from now on, by the pace of late; null while too little was seen of it.
export function secondsLeft(points, scales, now) {
  const last = points.at(-1);
  const recent = points.filter((point) => point.attempt === last?.attempt && last.at - point.at <= WINDOW_SECONDS * 1000);
  const seconds = recent.length ? (last.at - recent[0].at) / 1000 : 0;
  const done = recent.length ? work(scales, last.evaluation) - work(scales, recent[0].evaluation) : 0;
  if (seconds < LEAST_SECONDS || done <= 0) return null;
  const left = ((work(scales, Infinity) - work(scales, last.evaluation)) * seconds) / done;
  return Math.max(left - (now - last.at) / 1000, 0);
}

export function inWords(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

export function roughly(seconds) {
  if (seconds < 8) return "a few seconds";
  return `about ${inWords(seconds < 90 ? Math.ceil(seconds / 5) * 5 : seconds)}`;
}
