"use strict";
// Shows how one number of a map comes about: hover, tap or focus a cell, or open #cell=layer,row,
// column,map. Needs network.js.
(() => {
  const COLOURS = ["red", "green", "blue"];
  const LISTED = 8; // contributions in a list; the others are one line

  // -- numbers as text -------------------------------------------------------------------------

  const sum = (values) => values.reduce((total, value) => total + value, 0);
  const signed = (text) => text.replace("-", "\u2212");
  const factor = (value) => (value < 0 ? `(${number(value)})` : number(value));

  // Four significant figures; whole numbers in full.
  function number(value) {
    if (Number.isInteger(value) && Math.abs(value) < 1e15) return signed(String(value));
    const rounded = Number(value.toPrecision(4));
    const short = Math.abs(rounded) >= 1e-4 && Math.abs(rounded) < 1e7;
    return signed(short ? String(rounded) : value.toExponential(3));
  }

  // Decimals that give the largest of some numbers so many significant figures; of whole ones none.
  function decimals(values, figures) {
    if (values.every(Number.isInteger)) return 0;
    const largest = Math.max(0, ...values.map(Math.abs).filter(Number.isFinite));
    return Math.min(9, Math.max(0, figures - 1 - (largest > 0 ? Math.floor(Math.log10(largest)) : 0)));
  }

  // Counts of the last decimal shown: adding these is exact.
  const units = (value, places) => Math.round(value * 10 ** places);

  function fixed(count, places) {
    const text = (Math.abs(count) / 10 ** places).toFixed(places);
    return count < 0 ? `\u2212${text}` : text;
  }

  // -- the page --------------------------------------------------------------------------------

  function make(tag, properties, ...children) {
    const element = document.createElement(tag);
    const { data, ...others } = properties ?? {};
    Object.assign(element, others);
    Object.assign(element.dataset, data);
    element.append(...children);
    return element;
  }

  const line = (...children) => make("p", { className: "step" }, ...children);

  // A table of numbers, tinted by their size: red above 0, blue below.
  function grid(caption, columns, cells) {
    const largest = Math.max(1e-30, ...cells.map((cell) => Math.abs(cell.value ?? 0)));
    const rows = [];
    for (let k = 0; k < cells.length; k += columns) {
      rows.push(make("tr", null, ...cells.slice(k, k + columns).map((cell) => {
        const share = Math.round((55 * Math.abs(cell.value ?? 0)) / largest);
        const classes = [cell.absent ? "absent" : "", cell.winner ? "winner" : ""].join(" ").trim();
        const made = make("td", { className: classes, title: cell.title ?? "" }, cell.text);
        const colour = cell.value < 0 ? "33 102 172" : "178 24 43";
        if (!cell.absent) made.style.backgroundColor = `rgb(${colour} / ${share}%)`;
        return made;
      })));
    }
    const table = make("table", { className: "grid" },
      make("caption", null, caption), make("tbody", null, ...rows));
    return make("div", { className: "scroll" }, table);
  }

  function ledger(rows) {
    return make("table", { className: "ledger" }, make("tbody", null, ...rows.map(([label, text, kind]) =>
      make("tr", { className: kind, data: { kind } },
        make("th", { scope: "row" }, label), make("td", null, text)))));
  }

  // -- what is added up ------------------------------------------------------------------------

  // Rows that add up exactly as they are shown, down to the bias; `shown` is counted in units.
  function total(parts, shown, bias, result, places) {
    const rows = [...parts, ["sum of products", fixed(shown, places), "sum"]];
    const added = bias ? units(bias.bias, places) : 0;
    if (bias) rows.push(["+ bias", fixed(added, places), "bias"]);
    const rest = units(result, places) - shown - added;
    if (rest) rows.push(["+ rounding of the numbers shown", fixed(rest, places), "rounding"]);
    if (bias || rest) rows.push(["=", fixed(shown + added + rest, places), "total"]);
    return ledger(rows);
  }

  function listed(parts, noun, places) {
    const order = [...parts].sort((one, other) => Math.abs(other.units) - Math.abs(one.units));
    const first = parts.length <= LISTED + 1 ? parts : order.slice(0, LISTED);
    const rest = sum(parts.map((part) => part.units)) - sum(first.map((part) => part.units));
    const rows = first.map((part) => [part.label, fixed(part.units, places), "part"]);
    const others = parts.length - first.length;
    if (others) rows.push([`${others} other ${noun} together`, fixed(rest, places), "others"]);
    return rows;
  }

  function convolution(step, bias, view) {
    const result = bias ? bias.value : step.value;
    const products = step.channels.flatMap((one) => one.terms.map((term) => term.product));
    const places = decimals([...products, ...step.channels.map((one) => one.value),
      bias ? bias.bias : 0, result], 5);
    const parts = step.channels.map((one) => ({
      ...one,
      units: sum(one.terms.map((term) => units(term.product, places))),
      label: view.channelName(one.number),
    }));
    const chosen = parts.length <= 3 ? parts : [view.chosen(parts)];
    const blocks = chosen.flatMap((part) => channel(part, step.window, places, parts.length > 1));
    if (parts.length > 3) blocks.unshift(view.chooser(parts, chosen[0]));
    const rows = parts.length > 1 ? listed(parts, "maps", places) : [];
    return [...blocks, total(rows, sum(parts.map((part) => part.units)), bias, result, places)];
  }

  function channel(part, window, places, named) {
    const cells = (name, digits) => part.terms.map((term) => ({
      text: fixed(units(term[name], digits), digits),
      value: term[name],
      absent: !term.cell,
      title: term.cell ? `row ${term.cell[0]}, column ${term.cell[1]}` : "padding",
    }));
    const factors = (name) => cells(name, decimals(part.terms.map((term) => term[name]), 4));
    const grids = [
      grid("under the filter", window.columns, factors("value")),
      grid("× filter", window.columns, factors("weight")),
      grid("= products", window.columns, cells("product", places)),
    ];
    const heading = named ? [make("h4", null, `${part.label}: ${fixed(part.units, places)}`)] : [];
    return [...heading, make("div", { className: "grids", data: { channel: part.number } }, ...grids)];
  }

  function dense(step, bias, view) {
    const result = bias ? bias.value : step.value;
    const places = decimals([...step.terms.map((term) => term.product), bias ? bias.bias : 0, result], 5);
    const parts = step.terms.map((term) => ({
      units: units(term.product, places),
      label: `${view.inputName(term.number)}: ${number(term.value)} · ${factor(term.weight)}`,
    }));
    const shown = sum(parts.map((part) => part.units));
    return [total(listed(parts, "inputs", places), shown, bias, result, places)];
  }

  function pooling(step) {
    const { window, values, winner } = step;
    const cells = values.map((value, k) => ({
      text: value === null ? "–" : number(value),
      value,
      absent: value === null,
      winner: k === winner,
      title: window.cells[k] ? `row ${window.cells[k][0]}, column ${window.cells[k][1]}` : "padding",
    }));
    const shown = grid("the window", window.columns, cells);
    if (step.op === "average") {
      const text = `average: ${number(step.total)} / ${step.count} = ${number(step.value)}`;
      return [shown, line(text)];
    }
    const [row, column] = window.cells[winner];
    return [shown, line(`largest: ${number(step.value)}, at row ${row}, column ${column}`)];
  }

  function formula(step) {
    const result = number(step.value);
    switch (step.op) {
      case "bias":
        return `bias: ${number(step.x)} + ${factor(step.bias)} = ${result}`;
      case "activation":
        return `${step.stage.kind}(${number(step.x)}) = ${result}`;
      case "rescaling":
        return `${number(step.x)} · ${factor(step.scale)} + ${factor(step.offset)} = ${result}`;
      case "normalization":
        return `(${number(step.x)} − ${factor(step.mean)}) / √(${number(step.variance)} + `
          + `${number(step.epsilon)}) · ${factor(step.gamma)} + ${factor(step.beta)} = ${result}`;
      case "softmax":
        return `softmax: e^(${number(step.x)} − ${factor(step.largest)}) / `
          + `${number(step.total)} = ${result}, where ${number(step.largest)} is the largest of all `
          + `scores and ${number(step.total)} the sum of these powers over all of them`;
      case "sum":
        return `${[number(step.terms[0]), ...step.terms.slice(1).map(factor)].join(" + ")} = ${result}`;
      default:
        return `copied: ${result}`;
    }
  }

  // -- one layer -------------------------------------------------------------------------------

  class Inspector {
    constructor(maps) {
      this.maps = maps;
      this.call = Number(maps.dataset.call);
      this.record = network.calls[this.call];
      this.spatial = this.record.shape.length === 3;
      this.across = Number(maps.dataset.columns); // of the picture; rows of numbers are wrapped
      this.down = Math.ceil(this.spatial ? this.record.shape[0] : this.record.shape[0] / this.across);
      this.shown = maps.querySelectorAll("img").length;
      this.panel = maps.nextElementSibling;
      this.pinned = false;
      this.panel.append(make("p", { className: "faint" },
        "Point at a cell, tap it, or press Enter on a map to see how its number comes about."));
      maps.setAttribute("role", "group");
      maps.setAttribute("aria-label", `Maps of ${this.record.name}`);
      maps.addEventListener("pointermove", (event) => {
        if (event.pointerType === "mouse" && !this.pinned) this.soon(this.placeAt(event));
      });
      maps.addEventListener("click", (event) => this.click(event));
      maps.addEventListener("keydown", (event) => this.walk(event));
      this.buttons = [...maps.querySelectorAll("button")];
      this.reachable(0);
    }

    // One map of the layer is reached by Tab, the others from there by the arrow keys.
    reachable(map) {
      this.buttons.forEach((button, k) => { button.tabIndex = k === map ? 0 : -1; });
    }

    walk(event) {
      const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
      const next = this.buttons[this.buttons.indexOf(document.activeElement) + (step ?? 0)];
      if (!step || !next) return;
      event.preventDefault();
      this.reachable(this.buttons.indexOf(next));
      next.focus();
    }

    soon(place) {
      if (!place) return;
      if (!this.waiting) requestAnimationFrame(() => { this.show(this.waiting); this.waiting = null; });
      this.waiting = place;
    }

    // The place under the pointer; the middle where a key pressed the button.
    placeAt(event) {
      const image = event.target.closest("button, .enlarged")?.querySelector("img");
      if (!image) return null;
      const map = Number(image.dataset.map);
      const box = image.getBoundingClientRect();
      const share = event.type === "click" && event.detail === 0
        ? [0.5, 0.5]
        : [(event.clientY - box.top) / box.height, (event.clientX - box.left) / box.width];
      const [row, column] = share.map((part, axis) => {
        const length = axis ? this.across : this.down;
        return Math.min(length - 1, Math.max(0, Math.floor(part * length)));
      });
      return this.spatial ? [row, column, map] : this.limited([row * this.across + column]);
    }

    limited(place) {
      const lengths = this.spatial ? [...this.record.shape.slice(0, 2), this.shown] : this.record.shape;
      return place.map((k, axis) => Math.min(lengths[axis] - 1, Math.max(0, Math.round(k) || 0)));
    }

    click(event) {
      const place = this.placeAt(event);
      if (!place) return;
      const again = this.pinned && String(place) === String(this.place);
      this.pin(place, !again);
      if (event.detail === 0) this.enlarged.focus();
    }

    pin(place, pinned = true) {
      this.pinned = pinned;
      this.show(place);
      const at = this.spatial ? place : [0, 0, ...place];
      history.replaceState(null, "", `#cell=${this.record.name},${at.join(",")}`);
    }

    build() {
      this.image = make("img", { className: "pixels", alt: "" });
      this.marker = make("span", { className: "marker" });
      this.enlarged = make("div", { className: "enlarged", tabIndex: 0 }, this.image, this.marker);
      this.enlarged.setAttribute("role", "img");
      this.enlarged.addEventListener("keydown", (event) => this.key(event));
      this.enlarged.addEventListener("click", (event) => this.click(event));
      const names = this.spatial ? ["row", "column", "map"] : ["number"];
      this.inputs = names.map((name, axis) => {
        const most = this.spatial && axis === 2 ? this.shown : this.record.shape[axis];
        const input = make("input", { type: "number", min: 0, max: most - 1, name });
        input.addEventListener("input", () => {
          if (input.value !== "") this.pin(this.limited(this.inputs.map((one) => Number(one.value))));
        });
        return input;
      });
      const labels = this.inputs.map((input) => make("label", null, `${input.name} `, input));
      const help = make("p", { className: "faint" }, "Arrow keys move the cell",
        this.spatial ? ", Page Up and Page Down change the map." : ".");
      const picker = make("div", { className: "picker" }, this.enlarged, ...labels, help);
      if (this.record.field) picker.insertBefore(this.seen(), picker.firstChild);
      this.result = make("p", { className: "result" });
      this.result.setAttribute("aria-live", "polite");
      this.body = make("div");
      const numbers = make("div", { className: "numbers" }, this.result, this.body);
      this.panel.replaceChildren(picker, numbers);
    }

    // The picture with the part that the cell sees.
    seen() {
      const source = document.querySelector("#seen-picture");
      this.window = make("span", { className: "marker" });
      const alt = "The picture; the cell sees the part in the frame";
      const picture = make("img", { className: "pixels", src: source.src, alt });
      return make("figure", { className: "seen" },
        make("figcaption", null, "what the cell sees"),
        make("div", { className: "enlarged" }, picture, this.window));
    }

    key(event) {
      const step = { ArrowUp: [-1, 0, 0], ArrowDown: [1, 0, 0], ArrowLeft: [0, -1, 0],
        ArrowRight: [0, 1, 0], PageUp: [0, 0, -1], PageDown: [0, 0, 1] }[event.key];
      if (!step) return;
      event.preventDefault();
      const moved = this.spatial
        ? this.place.map((k, axis) => k + step[axis])
        : [this.place[0] + step[0] * this.across + step[1]];
      this.pin(this.limited(moved));
    }

    show(place) {
      if (!this.body) this.build();
      this.place = place;
      const image = this.maps.querySelectorAll("img")[this.spatial ? place[2] : 0];
      this.image.src = image.src;
      this.image.dataset.map = image.dataset.map;
      const [row, column] = this.spatial
        ? place : [Math.floor(place[0] / this.across), place[0] % this.across];
      frame(this.marker, [row, 1, this.down], [column, 1, this.across]);
      if (this.window) this.frameField(row, column);
      this.inputs.forEach((input, axis) => { if (input !== document.activeElement) input.value = place[axis]; });
      this.enlarged.setAttribute("aria-label", `${this.record.name} ${this.spoken()}`);
      this.buttons.forEach((button, k) =>
        button.classList.toggle("chosen", this.spatial && k === place[2]));
      this.write();
    }

    frameField(row, column) {
      const [rows, columns] = this.record.field.map(([first, step, size], axis) => {
        const length = network.calls[0].shape[axis];
        const start = first + (axis ? column : row) * step;
        const begin = Math.min(length, Math.max(0, start));
        return [begin, Math.max(0, Math.min(length, start + size) - begin), length];
      });
      frame(this.window, rows, columns);
    }

    spoken() {
      const label = this.record.labels?.[this.place.at(-1)];
      const place = this.spatial
        ? `row ${this.place[0]}, column ${this.place[1]}, map ${this.place[2]}`
        : `number ${this.place[0]}`;
      return label ? `${place}, ${label}` : place;
    }

    write() {
      const { value, steps } = network.compute(this.call, this.place);
      const [first, ...others] = steps;
      const bias = others[0]?.op === "bias" ? others.shift() : null;
      const body = [];
      if (!first) body.push(line(`unchanged from ${network.calls[this.record.reads[0]].name}`));
      else if (first.channels) body.push(...convolution(first, bias, this));
      else if (first.op === "dense") body.push(...dense(first, bias, this));
      else if (first.window) body.push(...pooling(first));
      else body.push(line(formula(first)));
      body.push(...others.map((step) => line(formula(step))));
      this.result.dataset.value = value;
      this.result.replaceChildren(`${this.record.name}, ${this.spoken()}: `,
        make("strong", null, number(value)));
      this.body.replaceChildren(...body);
    }

    // -- names of what is read -----------------------------------------------------------------

    channelName(k) {
      const read = this.record.reads[0];
      const channels = network.calls[read].shape[2];
      if (this.record.colours && channels === 3) return COLOURS[k];
      return `${network.calls[read].name} map ${k}`;
    }

    inputName(k) {
      let read = this.record.reads[0];
      const moves = (call) => network.calls[call].stages.every((stage) => stage.op === "reshape")
        && network.calls[call].reads.length === 1;
      while (moves(read)) read = network.calls[read].reads[0];
      const { name, shape } = network.calls[read];
      const place = shape.reduceRight(({ rest, at }, length) =>
        ({ rest: Math.floor(rest / length), at: [rest % length, ...at] }), { rest: k, at: [] }).at;
      return `${name} [${place.join(", ")}]`;
    }

    chosen(parts) {
      const largest = parts.reduce((one, other) => (Math.abs(other.value) > Math.abs(one.value) ? other : one));
      return parts.find((part) => part.number === this.channel) ?? largest;
    }

    // Which of many maps has its products shown.
    chooser(parts, chosen) {
      const select = make("select", null, ...parts.map((part) =>
        make("option", { value: part.number, selected: part === chosen }, part.label)));
      select.addEventListener("change", () => {
        this.channel = Number(select.value);
        this.write();
        this.body.querySelector("select").focus();
      });
      return make("label", { className: "step" }, "Products of ", select);
    }
  }

  // Puts a marker over cells: first, how many, of how many, down and across.
  function frame(marker, [row, tall, rows], [column, wide, columns]) {
    marker.style.top = `${(100 * row) / rows}%`;
    marker.style.left = `${(100 * column) / columns}%`;
    marker.style.height = `${(100 * tall) / rows}%`;
    marker.style.width = `${(100 * wide) / columns}%`;
  }

  const inspectors = [...document.querySelectorAll(".maps[data-call]")].map((maps) => new Inspector(maps));

  // #cell=layer,row,column,map; of a layer without maps the last number alone counts.
  function open() {
    const found = /^#cell=([^,]+),(\d+),(\d+),(\d+)$/.exec(location.hash);
    if (!found) return;
    const inspector = inspectors.find(({ record }) => record.name === found[1]);
    if (!inspector) return;
    const place = found.slice(2).map(Number);
    inspector.pinned = true;
    inspector.show(inspector.limited(inspector.spatial ? place : place.slice(2)));
    inspector.panel.scrollIntoView({ block: "center", behavior: "instant" });
  }

  window.addEventListener("hashchange", open);
  open();
})();
