"use strict";
const { image, classes, stages } = JSON.parse(document.getElementById("numbers").textContent);
const panel = document.getElementById("unit"), aside = document.getElementById("panel");
const layers = document.getElementById("layers");
const VIRIDIS = [[68, 1, 84], [65, 68, 135], [42, 120, 142], [34, 168, 132], [122, 209, 81], [253, 231, 37]];
const NEGATIVE = [33, 102, 172], ZERO = [247, 247, 247], POSITIVE = [178, 24, 43];
const MARK = "#e6007e", WINDOW = "#ff9d00";
let selected = null; // {stage, map, row, column, input}

const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const floats = (text) => new Float32Array(bytes(text).buffer);
const mix = (a, b, t) => a.map((x, i) => Math.round(x + (b[i] - x) * t));
function viridis(t) {
  const place = Math.min(Math.max(t, 0), 1) * (VIRIDIS.length - 1), i = Math.min(Math.floor(place), VIRIDIS.length - 2);
  return mix(VIRIDIS[i], VIRIDIS[i + 1], place - i);
}
const signed = (value, most) => mix(ZERO, value < 0 ? NEGATIVE : POSITIVE, most ? Math.abs(value) / most : 0);
function say(value) {
  const size = Math.abs(value);
  if (size && (size < 1e-3 || size >= 1e5)) return value.toExponential(2).replace("-", "−");
  return value.toFixed(size >= 1000 ? 1 : 4).replace(/^-/, "−");
}
// In a cell, whose title has all digits: as many as its grid's largest number needs.
function short(value, most) {
  if (value === 0) return "0";
  if (most >= 1e4 || most < 1e-3) return value.toExponential(0).replace("-", "−");
  const text = value.toFixed(most < 0.1 ? 3 : most < 10 ? 2 : most < 100 ? 1 : 0);
  return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "−");
}
function add(parent, tag, attributes = {}, text = "") {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== "") element.textContent = text;
  parent.append(element);
  return element;
}

// Numbers of a stage: shown map m at a row and a column.
for (const stage of stages) {
  [, stage.height, stage.width] = stage.shape;
  stage.values = floats(stage.maps);
  if (stage.given) stage.given.values = floats(stage.given.maps);
  if (stage.window?.rest) stage.window.rest = floats(stage.window.rest);
  for (const unit of stage.window?.units ?? []) unit.kernels = floats(unit.kernels);
}
const valueAt = (stage, map, row, column) => stage.values[(map * stage.height + row) * stage.width + column];
function inputMaps(stage) {
  const source = stage.source === null ? null : stages[stage.source];
  const [, height, width] = stage.input;
  return { ...(source ?? stage.given), height, width };
}
function unitName(stage, map) {
  const channel = stage.channels[map];
  if (!stage.vector) return `map ${channel}`;
  const isLast = stage === stages.at(-1) && classes.length === stage.shape[0];
  return `unit ${channel}${isLast ? ` (class ${classes[channel]})` : ""}`;
}

// The image.
const enlarged = Math.max(1, Math.floor(200 / Math.max(image.height, image.width)));
const picture = document.createElement("canvas");
picture.setAttribute("role", "img");
document.getElementById("image").prepend(picture);
picture.width = image.width * enlarged;
picture.height = image.height * enlarged;
const pixels = bytes(image.pixels);
document.getElementById("image-note").textContent = `${image.height}×${image.width} pixels, as the network sees it`;
function paint(context, height, width, scale, color) {
  const small = new OffscreenCanvas(width, height), inner = small.getContext("2d");
  const shown = inner.createImageData(width, height);
  for (let i = 0; i < height * width; i++) shown.data.set([...color(i), 255], 4 * i);
  inner.putImageData(shown, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, width * scale, height * scale);
}
function frame(context, box, scale, color) {
  const [top, left, bottom, right] = box.map((side) => side * scale);
  context.lineWidth = 2;
  context.strokeStyle = color;
  context.strokeRect(left + 1, top + 1, Math.max(right - left - 2, 1), Math.max(bottom - top - 2, 1));
}
function fieldOf(unit) {
  const stage = stages[unit.stage], field = stage.field;
  if (!field) return null;
  const at = stage.vector ? [0, 0] : [unit.row, unit.column];
  const [top, left] = field.first.map((first, side) => Math.floor(first + at[side] * field.spacing[side]));
  return [top, left, top + field.size[0], left + field.size[1]];
}
function drawImage() {
  const context = picture.getContext("2d");
  paint(context, image.height, image.width, enlarged, (i) => pixels.subarray(3 * i, 3 * i + 3));
  const box = selected && fieldOf(selected);
  delete picture.dataset.field;
  picture.setAttribute("aria-label", "The image");
  if (!box) return;
  picture.dataset.field = box.join(",");
  const most = [image.height, image.width, image.height, image.width];
  frame(context, box.map((side, i) => Math.min(Math.max(side, 0), most[i])), enlarged, MARK);
  picture.setAttribute("aria-label", `The image; receptive field: rows ${box[0]} to ${box[2] - 1}, columns ${box[1]} to ${box[3] - 1}`);
}

// The maps of every layer. A vector is one strip of cells.
const PER_ROW = 32;
function shapeOnPage(stage) {
  if (!stage.vector) return [stage.height, stage.width];
  const count = stage.channels.length, columns = Math.min(count, PER_ROW);
  return [Math.ceil(count / columns), columns];
}
function drawMap(stage, canvas, map, boxes = []) {
  const [height, width] = shapeOnPage(stage), size = stage.height * stage.width;
  const values = stage.vector ? stage.values : stage.values.subarray(map * size, (map + 1) * size);
  let low = Infinity, high = -Infinity;
  for (const value of values) { low = Math.min(low, value); high = Math.max(high, value); }
  const range = high - low || 1;
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  paint(context, height, width, canvas.scale, (i) => (i < values.length ? viridis((values[i] - low) / range) : ZERO));
  for (const [box, color] of boxes) frame(context, box, canvas.scale, color);
}
function strongest(stage, map) {
  let best = 0;
  const size = stage.height * stage.width;
  for (let i = 1; i < size; i++) if (stage.values[map * size + i] > stage.values[map * size + best]) best = i;
  return [Math.floor(best / stage.width), best % stage.width];
}
stages.forEach((stage, index) => {
  const section = add(layers, "section", { class: "layer" });
  stage.section = section;
  const number = stage.shape[0], some = stage.channels.length < number ? `${stage.channels.length} of ` : "";
  const what = stage.vector ? `${some}${number} units` : `${some}${number} map${number === 1 ? "" : "s"} of ${stage.height}×${stage.width}`;
  add(add(section, "h2", {}, `${stage.name} `), "span", { class: "mild" }, `${stage.type}, ${what}`);
  const row = add(section, "div", { class: "maps" });
  const [height, width] = shapeOnPage(stage);
  const scale = stage.vector ? 14 : Math.max(1, Math.round(72 / Math.max(height, width)));
  stage.canvases = [];
  for (let map = 0; map < (stage.vector ? 1 : stage.channels.length); map++) {
    const figure = add(row, "figure");
    const name = stage.vector ? `${stage.name}, ${stage.channels.length} units` : `${stage.name}, map ${stage.channels[map]}`;
    const canvas = add(figure, "canvas", { tabindex: 0, role: "button", "aria-label": `${name}: select a unit, arrow keys move it` });
    canvas.width = width * scale;
    canvas.height = height * scale;
    canvas.scale = scale;
    if (!stage.vector) add(figure, "figcaption", {}, String(stage.channels[map]));
    stage.canvases.push(canvas);
    const at = (event) => {
      const box = canvas.getBoundingClientRect();
      const row = Math.min(height - 1, Math.max(0, Math.floor(((event.clientY - box.top) / box.height) * height)));
      const column = Math.min(width - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * width)));
      return stage.vector ? cell(stage, index, row * width + column) : { stage: index, map, row, column };
    };
    canvas.addEventListener("click", (event) => select(at(event)));
    canvas.addEventListener("pointermove", (event) => {
      const { map, row, column } = at(event);
      const place = stage.vector ? "" : `, row ${row}, column ${column}`;
      canvas.title = `${unitName(stage, map)}${place}: ${say(valueAt(stage, map, row, column))}`;
    });
    canvas.addEventListener("keydown", (event) => onKey(event, index, map));
    drawMap(stage, canvas, map);
  }
});
const cell = (stage, index, number) => ({ stage: index, map: Math.min(Math.max(number, 0), stage.channels.length - 1), row: 0, column: 0 });
function onKey(event, index, map) {
  const stage = stages[index];
  const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
  const starts = event.key === "Enter" || event.key === " ";
  if (!step && !starts) return;
  event.preventDefault();
  const here = selected.stage === index && (stage.vector || selected.map === map);
  if (stage.vector) {
    const move = step ? step[0] * shapeOnPage(stage)[1] + step[1] : 0;
    select(cell(stage, index, here ? selected.map + move : 0));
    return;
  }
  let [row, column] = here && step ? [selected.row + step[0], selected.column + step[1]] : strongest(stage, map);
  row = Math.min(Math.max(row, 0), stage.height - 1);
  column = Math.min(Math.max(column, 0), stage.width - 1);
  select({ stage: index, map, row, column });
}
const narrow = matchMedia("(max-width: 900px)");
function place() {
  if (narrow.matches) stages[selected.stage].section.after(aside);
  else layers.after(aside);
}
narrow.addEventListener("change", place);

// The window of a unit in its input: rows, columns, and which of them are in the map.
function windowOf(stage, unit) {
  const { kernel, stride, padding, dilation } = stage.window;
  const [, height, width] = stage.input;
  const rows = [...Array(kernel[0]).keys()].map((i) => unit.row * stride[0] - padding[0] + i * dilation[0]);
  const columns = [...Array(kernel[1]).keys()].map((i) => unit.column * stride[1] - padding[1] + i * dilation[1]);
  return { rows, columns, isInside: (r, c) => r >= 0 && c >= 0 && r < height && c < width };
}
// The index of a border pixel in the map that its padding repeats; null is a zero.
function inMap(index, size, border) {
  if (index >= 0 && index < size) return index;
  if (border === "replicate") return Math.min(Math.max(index, 0), size - 1);
  if (border === "circular") return (index + size) % size;
  if (border === "reflect") return index < 0 ? -index : 2 * (size - 1) - index;
  return null;
}
function windowValues(stage, unit, maps, map) {
  const { rows, columns } = windowOf(stage, unit), border = stage.window.border;
  return rows.map((r) => columns.map((c) => {
    const row = inMap(r, maps.height, border), column = inMap(c, maps.width, border);
    return row === null || column === null ? 0 : maps.values[(map * maps.height + row) * maps.width + column];
  }));
}
function select(unit) {
  const previous = selected && stages[selected.stage];
  selected = { input: 0, ...unit };
  const stage = stages[unit.stage];
  for (const one of new Set([previous, previous && stages[previous.source], stage, stages[stage.source]]))
    one?.canvases.forEach((canvas, map) => drawMap(one, canvas, map));
  document.querySelectorAll(".selected").forEach((element) => element.classList.remove("selected"));
  stage.section.classList.add("selected");
  const canvas = stage.canvases[stage.vector ? 0 : unit.map];
  canvas.parentElement.classList.add("selected");
  const [, width] = shapeOnPage(stage);
  const [row, column] = stage.vector ? [Math.floor(unit.map / width), unit.map % width] : [unit.row, unit.column];
  drawMap(stage, canvas, unit.map, [[[row, column, row + 1, column + 1], MARK]]);
  drawImage();
  explain();
  place();
}
