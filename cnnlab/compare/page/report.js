const root = document.documentElement;

// Light, dark, or as the system has it.
const THEMES = ["auto", "light", "dark"];
const button = document.getElementById("theme");
function setTheme(theme) {
  if (theme === "auto") delete root.dataset.theme;
  else root.dataset.theme = theme;
  button.querySelector("span").textContent = theme;
}
let theme = "auto";
try { theme = localStorage.getItem("cnnlab-theme") ?? "auto"; } catch { /* no storage: auto */ }
setTheme(THEMES.includes(theme) ? theme : "auto");
button.addEventListener("click", () => {
  const shown = root.dataset.theme ?? "auto";
  const next = THEMES[(THEMES.indexOf(shown) + 1) % THEMES.length];
  setTheme(next);
  try { localStorage.setItem("cnnlab-theme", next); } catch { /* it is not kept */ }
});

// Tables: each heading becomes a button; numbers sort by value, a missing one is last.
function cellKey(row, index, isNumber) {
  const cell = row.cells[index];
  if (!isNumber) return cell.textContent.trim();
  return cell.dataset.value === undefined ? NaN : Number(cell.dataset.value);
}
function compareKeys(a, b) {
  if (typeof a === "string") return a.localeCompare(b, undefined, { numeric: true });
  if (Number.isNaN(a) || Number.isNaN(b)) return 0;
  return a - b;
}
function sortBy(table, head) {
  const isNumber = head.classList.contains("number");
  const before = head.getAttribute("aria-sort");
  // Numbers: the largest first.
  const first = isNumber ? "descending" : "ascending";
  const second = isNumber ? "ascending" : "descending";
  const direction = before === first ? second : first;
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", direction);
  const index = head.cellIndex;
  const sign = direction === "ascending" ? 1 : -1;
  const rows = [...table.tBodies[0].rows].map((row) => [cellKey(row, index, isNumber), row]);
  const missing = rows.filter(([key]) => Number.isNaN(key));
  const known = rows.filter(([key]) => !Number.isNaN(key));
  known.sort(([a], [b]) => sign * compareKeys(a, b));
  table.tBodies[0].append(...[...known, ...missing].map(([, row]) => row));
}
for (const table of document.querySelectorAll("table.sortable")) {
  for (const head of table.tHead.rows[0].cells) {
    const control = document.createElement("button");
    control.type = "button";
    control.append(...head.childNodes);
    head.append(control);
    control.addEventListener("click", () => sortBy(table, head));
  }
}

// Charts.
const { specs, theme: config } = JSON.parse(document.getElementById("charts").textContent);

// Vega's own label layout moves or hides the names of points so that none overlap.
function placeNames(spec) {
  const marks = [...(spec.marks ?? [])];
  while (marks.length) {
    const mark = marks.pop();
    marks.push(...(mark.marks ?? []));
    if (mark.name !== "names_marks") continue;
    mark.transform = [{
      type: "label",
      size: { signal: "[width + 10, height]" },
      anchor: ["top", "bottom", "right", "left", "top-right", "top-left", "bottom-right", "bottom-left"],
      offset: [8],
      avoidMarks: ["points_marks", "bars_marks", "front_marks"],
    }];
  }
  return spec;
}
const options = {
  mode: "vega-lite",
  renderer: "svg",
  actions: false,
  ast: true,  // no code is made from text: the page's policy forbids it
  defaultStyle: false,
  tooltip: { disableDefaultStyle: true, theme: "report" },
  config,
  patch: placeNames,
};
const drawn = new Map();
function draw(element) {
  if (!drawn.has(element.id)) {
    drawn.set(element.id, window.vegaEmbed(element, specs[element.id], options));
  }
  return drawn.get(element.id);
}
const isShown = (element) => !element.closest("[hidden]");
const cost = document.getElementById("cost");
cost?.addEventListener("change", () => {
  for (const panel of document.querySelectorAll(".cost")) panel.hidden = panel.id !== cost.value;
  draw(document.querySelector(`#${cost.value} .chart`));
});
await Promise.all([...document.querySelectorAll(".chart")].filter(isShown).map(draw));
root.dataset.ready = "true";
