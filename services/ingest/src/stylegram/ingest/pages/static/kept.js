// JSON that this browser keeps, as far as it may: where storage is forbidden or full, the page goes on without.
//
// `area` is "localStorage" or "sessionStorage"; even to name them may be forbidden.
export function kept(area, name) {
  try {
    return JSON.parse(globalThis[area].getItem(name)) ?? [];
  } catch {
    return [];
  }
}

// An empty list is not kept.
export function keep(area, name, list) {
  try {
    if (list.length) globalThis[area].setItem(name, JSON.stringify(list));
    else globalThis[area].removeItem(name);
  } catch {
    // It is there for as long as the page is.
  }
}
