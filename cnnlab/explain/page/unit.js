// The panel: how the selected unit's number comes about.
function explain() {
  const unit = selected, stage = stages[unit.stage];
  const value = valueAt(stage, unit.map, unit.row, unit.column);
  panel.replaceChildren();
  const place = stage.vector ? "" : `, row ${unit.row}, column ${unit.column}`;
  add(panel, "h2", {}, `${stage.name}: ${unitName(stage, unit.map)}${place}`);
  add(panel, "p", { class: "value", id: "value" }, `value ${say(value)}`);
  const box = fieldOf(unit);
  if (box) {
    const [height, width] = stage.field.size;
    const cut = box[0] < 0 || box[1] < 0 || box[2] > image.height || box[3] > image.width;
    add(panel, "p", {}, `Receptive field: ${height}×${width} pixels of the image, rows ${box[0]} to ${box[2] - 1}, columns ${box[1]} to ${box[3] - 1}${cut ? " (partly outside)" : ""}`.replace(/ -(\d)/g, " −$1"));
  } else add(panel, "p", { class: "mild" }, "Its receptive field could not be followed.");
  const known = inputMaps(stage);
  const how = { convolution: explainConvolution, max: explainPooling, average: explainPooling, mean: explainMean, linear: explainLinear, "same place": explainSamePlace };
  const needsInput = ["max", "average", "mean", "same place"].includes(stage.kind);
  if (needsInput && !known.values) {
    add(panel, "p", { class: "mild" }, "Its input is none of the layers on this page, such as the sum of a residual block.");
  } else (how[stage.kind] ?? explainOther)(stage, unit, value, known);
  explainNext(unit);
}
function explainOther() {
  add(panel, "p", { class: "mild" }, "How its numbers are computed is not shown: this layer is no convolution, pooling, linear layer, normalisation or activation.");
}
function grid(parent, caption, values, { inside = null, taken = null } = {}) {
  const most = Math.max(...values.flat().map(Math.abs));
  const table = add(parent, "table", { class: "grid" });
  add(table, "caption", {}, caption);
  values.forEach((line, r) => {
    const row = add(table, "tr");
    line.forEach((value, c) => {
      const cell = add(row, "td", { title: say(value) }, short(value, most));
      if (inside && !inside(r, c)) { cell.className = "outside"; return; }
      cell.style.background = `rgb(${signed(value, most)})`;
      if (most && Math.abs(value) / most > 0.55) cell.className = "dark";
      if (taken && taken[0] === r && taken[1] === c) cell.classList.add("taken");
    });
  });
}
// Where the window lies in the layer before.
function markWindow(stage, unit, map) {
  const source = stage.source === null ? null : stages[stage.source];
  if (!source || source.vector) return;
  const { rows, columns } = windowOf(stage, unit);
  const box = [rows[0], columns[0], rows.at(-1) + 1, columns.at(-1) + 1];
  source.canvases.forEach((canvas, shown) => drawMap(source, canvas, shown, shown === map ? [[box, WINDOW]] : []));
}
function explainConvolution(stage, unit, value, maps) {
  const { kernel, units, rest, spanned, stride, dilation, groups } = stage.window;
  const { inputs, kernels, bias } = units[unit.map], area = kernel[0] * kernel[1];
  const kernelOf = (i) => [...Array(kernel[0]).keys()].map((r) => [...kernels.subarray(i * area + r * kernel[1], i * area + (r + 1) * kernel[1])]);
  const products = (i) => {
    const window = windowValues(stage, unit, maps, inputs[i]), weights = kernelOf(i);
    return { window, weights, products: window.map((line, r) => line.map((x, c) => x * weights[r][c])) };
  };
  const sums = inputs.map((_, i) => products(i).products.flat().reduce((a, b) => a + b, 0));
  const others = rest ? rest[(unit.map * stage.height + unit.row) * stage.width + unit.column] : 0;
  const total = sums.reduce((a, b) => a + b, 0) + others + (bias ?? 0);
  const about = [`${kernel[0]}×${kernel[1]} window`, stride.some((s) => s > 1) && `stride ${stride.join("×")}`, dilation.some((d) => d > 1) && `dilation ${dilation.join("×")}`, groups > 1 && `${groups} groups`].filter(Boolean);
  add(panel, "p", { class: "mild" }, `${about.join(", ")}, on ${spanned} input map${spanned === 1 ? "" : "s"}.`);

  if (inputs.length) {
    unit.input = Math.min(unit.input, inputs.length - 1);
    const chosen = products(unit.input), { isInside, rows, columns } = windowOf(stage, unit);
    const from = stage.source === null ? (unit.stage === 0 ? "the normalised image" : "its input") : stages[stage.source].name;
    const turn = add(panel, "div", { class: "turn" });
    add(turn, "h3", {}, `Input map ${maps.channels[inputs[unit.input]]} of ${from}`);
    for (const [step, sign, label] of [[-1, "‹", "Previous input map"], [1, "›", "Next input map"]]) {
      const button = add(turn, "button", { type: "button", "aria-label": label, id: step < 0 ? "previous" : "next" }, sign);
      button.disabled = inputs.length === 1;
      button.addEventListener("click", () => {
        unit.input = (unit.input + step + inputs.length) % inputs.length;
        explain();
        document.getElementById(button.id).focus();
      });
    }
    const steps = add(add(panel, "div", { class: "scroll" }), "div", { class: "steps" });
    const inside = (r, c) => isInside(rows[r], columns[c]);
    grid(steps, "window", chosen.window, { inside });
    add(steps, "span", { class: "sign" }, "×");
    grid(steps, "kernel", chosen.weights);
    add(steps, "span", { class: "sign" }, "=");
    grid(steps, `products, sum ${say(sums[unit.input])}`, chosen.products, { inside });
    markWindow(stage, unit, inputs[unit.input]);
  }
  add(panel, "h3", {}, "Sum over the input maps");
  const list = add(panel, "div", { class: "sums" });
  const most = Math.max(...sums.map(Math.abs), 0);
  sums.forEach((sum, i) => {
    const button = add(list, "button", { type: "button", "aria-pressed": i === unit.input, "aria-label": `Input map ${maps.channels[inputs[i]]}: sum ${say(sum)}` }, `${maps.channels[inputs[i]]}: ${say(sum)}`);
    const [r, g, b] = signed(sum, most);
    button.style.borderBottom = `4px solid rgb(${r}, ${g}, ${b})`;
    button.addEventListener("click", () => {
      unit.input = i;
      explain();
      panel.querySelectorAll(".sums button")[i].focus();
    });
  });
  const numOthers = spanned - inputs.length;
  showTotal([
    ["products", sums.reduce((a, b) => a + b, 0)],
    numOthers > 0 && [`${numOthers} input maps not shown`, others],
    bias !== null && ["bias", bias],
  ], total, value);
}
// The terms with their sum, which is the network's number but for rounding.
function showTotal(terms, total, value) {
  const line = add(panel, "p", { class: "total", id: "total" });
  line.dataset.total = total;
  line.textContent = `${terms.filter(Boolean).map(([name, term]) => `${name} ${say(term)}`).join(" + ")} = `;
  add(line, "strong", {}, say(total));
  const close = Math.abs(total - value) <= 1e-4 * Math.max(1, Math.abs(value));
  add(line, "span", { class: "mild" }, close ? ", the network's number" : ` (the network's number: ${say(value)})`);
}
function explainPooling(stage, unit, value, maps) {
  const { kernel, padding, counts_border: countsBorder, divisor } = stage.window;
  const channel = stage.channels[unit.map], map = maps.channels.indexOf(channel);
  if (map < 0) { add(panel, "p", { class: "mild" }, `Map ${channel} of the layer before is not shown.`); return; }
  const { rows, columns, isInside } = windowOf(stage, unit), window = windowValues(stage, unit, maps, map);
  const inside = (r, c) => isInside(rows[r], columns[c]);
  const cells = window.flatMap((line, r) => line.map((x, c) => ({ x, r, c }))).filter(({ r, c }) => inside(r, c));
  const isMax = stage.kind === "max";
  const best = cells.reduce((a, b) => (b.x > a.x ? b : a));
  add(panel, "h3", {}, `${kernel[0]}×${kernel[1]} window of map ${channel} of ${stages[stage.source].name}`);
  grid(add(panel, "div", { class: "scroll" }), isMax ? "the framed number is taken" : "the numbers averaged", window, { inside, taken: isMax ? [best.r, best.c] : null });
  markWindow(stage, unit, map);
  if (isMax) { showTotal([["largest", best.x]], best.x, value); return; }
  const counted = rows.filter((r) => r < maps.height + padding[0]).length * columns.filter((c) => c < maps.width + padding[1]).length;
  const number = divisor ?? (countsBorder ? counted : cells.length), sum = cells.reduce((a, { x }) => a + x, 0);
  showTotal([[`1/${number} of the sum`, sum]], sum / number, value);
}
function explainMean(stage, unit, value, maps) {
  const channel = stage.channels[unit.map], map = maps.channels.indexOf(channel), size = maps.height * maps.width;
  if (map < 0) { add(panel, "p", { class: "mild" }, `Map ${channel} of the layer before is not shown.`); return; }
  const sum = maps.values.subarray(map * size, (map + 1) * size).reduce((a, b) => a + b, 0);
  showTotal([[`mean of the ${size} numbers of map ${channel} of ${stages[stage.source].name}: 1/${size} of`, sum]], sum / size, value);
}
function explainLinear(stage, unit, value) {
  const { top, others, number, bias } = stage.units[unit.map];
  const source = stage.source === null ? null : stages[stage.source];
  const name = (i) => {
    if (!source) return `input ${i}`;
    if (source.vector) return `${source.name}, unit ${i}`;
    const size = source.height * source.width, at = i % size;
    return `${source.name}, map ${Math.floor(i / size)}, row ${Math.floor(at / source.width)}, column ${at % source.width}`;
  };
  add(panel, "h3", {}, `Its ${top.length} largest products of ${stage.input[0]}`);
  const table = add(add(panel, "div", { class: "scroll" }), "table", { class: "inputs" });
  const head = add(table, "tr");
  for (const text of ["input", "number", "weight", "product"]) add(head, "th", { scope: "col" }, text);
  const most = Math.max(...top.map(([, x, w]) => Math.abs(x * w)));
  for (const [i, x, weight] of top) {
    const row = add(table, "tr");
    add(row, "td", {}, name(i));
    for (const number of [x, weight, x * weight]) add(row, "td", {}, say(number));
    row.lastChild.style.borderRight = `5px solid rgb(${signed(x * weight, most)})`;
  }
  const sum = top.reduce((a, [, x, w]) => a + x * w, 0);
  showTotal([[`these ${top.length}`, sum], number > 0 && [`${number} others`, others], bias !== null && ["bias", bias]], sum + others + (bias ?? 0), value);
}
function explainSamePlace(stage, unit, value, maps) {
  const map = maps.channels.indexOf(stage.channels[unit.map]);
  if (map < 0) { add(panel, "p", { class: "mild" }, "This map of the layer before is not shown."); return; }
  const before = maps.values[(map * stage.height + unit.row) * stage.width + unit.column];
  add(panel, "p", { id: "total", class: "total" }, `${stage.type} of ${say(before)} (${stages[stage.source].name}, same place) is ${say(value)}.`);
  const button = add(panel, "button", { type: "button", "aria-label": `Select the unit of ${stages[stage.source].name}` }, `How ${stages[stage.source].name} gets ${say(before)}`);
  button.addEventListener("click", () => select({ stage: stage.source, map, row: unit.row, column: unit.column }));
}
// What normalisations and activations then make of the number.
function explainNext(unit) {
  let index = unit.stage, map = unit.map;
  for (;;) {
    const next = stages.findIndex((stage) => stage.source === index && stage.kind === "same place");
    if (next < 0) return;
    const shown = stages[next].channels.indexOf(stages[index].channels[map]);
    if (shown < 0) return;
    const { name, type } = stages[next];
    add(panel, "p", { class: "next" }, `Then ${name}${name === type ? "" : ` (${type})`}: ${say(valueAt(stages[next], shown, unit.row, unit.column))}`);
    [index, map] = [next, shown];
  }
}

// The page begins with the strongest unit of the first convolution.
function firstUnit() {
  const index = Math.max(0, stages.findIndex((stage) => stage.kind === "convolution")), stage = stages[index];
  const place = stage.values.reduce((best, value, i) => (value > stage.values[best] ? i : best), 0);
  const size = stage.height * stage.width, map = Math.floor(place / size);
  return { stage: index, map, row: Math.floor((place % size) / stage.width), column: place % stage.width };
}
drawImage();
if (stages.length) select(firstUnit());
document.documentElement.dataset.ready = "true";
