"use strict";
// Reads the scene (see scene.py), and draws atoms, bonds, arrows and plaquettes, and the curves beside
// them, with plotly.js.
(() => {
  const scene = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  const INK = "#1b1f24", GOLD = "#e08e00", PURPLE = "#8e3b8a";
  const ATOMS = ["#9fb0c0", "#c9a46b", "#86ab8f", "#b492c4", "#d08a72", "#7f8fa6"];
  const MOST_BONDS = 150; // drawn at first: more hide each other
  const TEXTURE = 30; // so many spins are coloured by S_z, as their arrows are small
  const NOISE = 1e-7; // share of the largest below which numbers vanish by symmetry
  const MOST_LINES = 24; // about one set of sites: more do not fit beside it
  const MOST_LABELS = 120; // each is an element of the page

  const { add, sub, scale, length, mean, colour, css, Mesh, RAMP, UPPER, SPINS } = shapes;
  const known = (values) => values.filter((v) => v !== null);
  const most = (values) => known(values).reduce((a, v) => Math.max(a, Math.abs(v)), 0);

  // --- the clusters ----------------------------------------------------------------------------
  const reference = scene.sites.map((site) => site.place);
  function legs(sites) {
    if (sites.length < 2) return [0];
    const pairs = sites.length === 2 ? [[0, 1]] : sites.map((_, n) => [n, (n + 1) % sites.length]);
    return pairs.map(([a, b]) => length(sub(reference[sites[a]], reference[sites[b]])));
  }
  const around = (sites) => legs(sites).reduce((a, b) => a + b, 0);
  const key = (sites) => [...sites].sort((a, b) => a - b).join("-");
  const spots = new Map(); // what is known of the same set of sites
  for (const group of scene.groups) {
    group.legs = group.sites.map((sites) => Math.max(...legs(sites)));
    group.paths = group.sites.map(around);
    group.size = group.sites.length ? group.sites[0].length : 0;
    group.peak = Math.max(...group.values.map(most), 0);
    const seen = new Set();
    group.drawn = [];
    for (const list of [group.sites, group.copies]) list.forEach((sites, row) => {
      const mine = key(sites);
      if (list === group.copies && seen.has(mine)) return;
      seen.add(mine);
      group.drawn.push({ row, sites, key: mine });
      if (!spots.has(mine)) spots.set(mine, []);
      spots.get(mine).push({ group, row, sites });
    });
  }
  const orders = [...new Set(scene.groups.map((g) => g.order))].sort((a, b) => a - b);
  const near = scene.groups.filter((g) => g.size > 1).flatMap((g) => g.sites.flatMap(legs))
    .reduce((a, d) => (d > 1e-6 && d < a ? d : a), Infinity);
  const step = Number.isFinite(near) ? near : 2;

  const kinds = [...new Set(scene.sites.map((site) => site.symbol))];
  const shadeOf = (kind) => ATOMS[kind % ATOMS.length];

  // --- what is chosen --------------------------------------------------------------------------
  const chosen = { order: orders.includes(2) ? 2 : orders[0], group: null, cutoff: Infinity,
    share: 5, frame: 0, state: 0, picked: null, vectors: true, spins: true, labels: scene.sites.length <= 30 && !(scene.frame && scene.frame.sizes),
    logarithmic: false };
  const groupsOf = (order) => scene.groups.filter((g) => g.order === order);
  const vanishes = (group) => group.peak <= NOISE
    * Math.max(...groupsOf(group.order).map((g) => g.peak));
  function choose(order) {
    chosen.order = order;
    const mine = groupsOf(order);
    const best = (list) => list.reduce((a, g) => (!a || g.peak > a.peak ? g : a), null);
    const large = mine.filter((g) => g.size > 1 && !vanishes(g));
    const signed = large.filter((g) => g.signed), strongest = best(signed);
    // Of pairs the first that is not small: exchange comes before its corrections.
    const first = order === 2 && signed.find((g) => g.peak > 0.05 * strongest.peak);
    chosen.group = first || strongest || best(large) || best(mine);
    reset();
  }
  function reset() {
    const group = chosen.group;
    if (!group) return;
    chosen.picked = null;
    chosen.share = group.size > 2 ? 50 : 5;
    const lengths = shells(group);
    chosen.cutoff = lengths[lengths.length - 1];
    for (const reach of lengths) {
      if (group.drawn.filter((d) => group.legs[d.row] <= reach + 1e-6).length > MOST_BONDS) break;
      chosen.cutoff = reach;
    }
  }
  const shells = (group) => [...group.legs].sort((a, b) => a - b)
    .filter((d, n, all) => n + 1 === all.length || all[n + 1] - d > 1e-3 * step);
  const value = (group, row) => group.values[chosen.frame][row];
  function visible(group, share = chosen.share) {
    const peak = most(group.values[chosen.frame]);
    return group.drawn.filter(({ row }) => value(group, row) !== null && peak > NOISE * group.peak &&
      group.legs[row] <= chosen.cutoff + 1e-6 &&
      Math.abs(value(group, row)) >= share / 100 * peak * (1 - 1e-9));
  }

  // --- words -----------------------------------------------------------------------------------
  const number = (v) => (v === null ? "unknown"
    : (v !== 0 && Math.abs(v) < 1e-4 ? v.toExponential(2) : String(Number(v.toPrecision(5))))
      .replace(/-/g, "\u2212"));
  const escape = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;");
  function words(group, row) {
    const frame = chosen.frame, error = group.errors[frame] && group.errors[frame][row];
    const vector = group.vectors[frame] && group.vectors[frame][row];
    const name = group.signed ? group.symbol : `|${group.symbol}|`;
    let line = `${name} = ${number(value(group, row))}`;
    if (error) line += ` ± ${error.toPrecision(1)}`;
    line += " meV";
    return vector ? `${line}, ${group.symbol} = ${triple(vector)}` : line;
  }
  const triple = (vector) => `(${vector.map(number).join(", ")})`;
  // One vector for each leg of a loop.
  function legWords(group, row) {
    return (group.leg_names[row] || []).map((name, leg) =>
      `${group.symbol} ${name} = ${triple(group.leg_vectors[chosen.frame][row][leg])} meV`);
  }
  function story(mine, newline = "<br>") {
    const list = spots.get(mine) || [];
    if (!list.length) return "";
    const names = list[0].sites.map((n) => scene.sites[n].label).join(" – ");
    const far = list[0].sites.length > 2 ? `, around it ${(swell() * around(list[0].sites)).toFixed(3)} Å`
      : list[0].sites.length === 2 ? `, ${(swell() * around(list[0].sites)).toFixed(3)} Å` : "";
    const lines = list.filter(({ group, row }) => value(group, row))
      .flatMap(({ group, row, sites }) => [`${sites.length > 2 || group.vectors[chosen.frame]
        ? `${sites.map((n) => scene.sites[n].site).join("-")}: ` : ""}${words(group, row)}`,
      ...legWords(group, row)]).slice(0, MOST_LINES);
    return [names + far, ...lines].map(newline === "<br>" ? escape : String).join(newline);
  }

  // --- the structure ---------------------------------------------------------------------------
  const swell = () => (scene.frame && scene.frame.sizes ? scene.frame.values[chosen.frame] : 1);
  // Numbers of the cells whose spins are here, if some were left out; the same of all states.
  const here = scene.states.length && scene.states[0].cells
    ? new Map(scene.states[0].cells.map((c, n) => [c, n])) : null;
  function spinOf(site) {
    const state = scene.states[chosen.state];
    if (!state) return null;
    const box = state.box, cell = scene.sites[site].cell;
    const flat = cell.reduce((sum, c, n) => sum * box[n] + ((c % box[n]) + box[n]) % box[n], 0);
    const index = here ? here.get(flat) : flat; // without a number there is no spin
    const spin = state.spins[index * scene.site_count + scene.sites[site].site];
    return spin && spin.every((v) => v !== null) ? spin : null;
  }
  function structure() {
    const group = chosen.group, places = reference.map((p) => scale(p, swell()));
    const d = step * swell(), mesh = new Mesh(), flat = new Mesh(), edges = new Mesh();
    const used = new Set();
    scene.sites.forEach((site, n) => {
      if (site.cell.every((c, m) => c === scene.centre[m])) used.add(n);
    });
    if (scene.states.length && scene.sites.length) inBox(used);
    const mine = scene.frame && scene.frame.sizes && group ? new Set() : used;
    const drawn = group ? visible(group) : [];
    const peak = group ? most(group.values[chosen.frame]) : 0;
    const vectors = chosen.vectors ? groupsOf(chosen.order)
      .filter((g) => g.vectors[chosen.frame] && g.size > 1 && !vanishes(g)
        && most(g.values[chosen.frame]) > NOISE * g.peak) : [];
    const others = vectors.map((g) => [g, visible(g, Math.max(chosen.share, 5))]);
    for (const { sites } of [...drawn, ...others.flatMap(([, list]) => list)]) {
      sites.forEach((n) => mine.add(n));
    }
    if (group && group.size === 2) bonds(mesh, group, drawn, places, d, peak);
    if (group && group.size > 2) plaquettes(flat, edges, group, drawn, places, d, peak);
    for (const [some, list] of others) arrows(mesh, some, list, places, d);
    const rings = mine.size > 400 ? 4 : mine.size > 60 ? 7 : 11;
    for (const n of mine) {
      const site = scene.sites[n], spin = chosen.spins ? spinOf(n) : null;
      const text = atomText(n, spin);
      if (!spin || !texture()) {
        mesh.sphere(places[n], d * (site.coupled ? (spin ? 0.1 : 0.15) : 0.08),
          shadeOf(kinds.indexOf(site.symbol)), text, rings);
      }
      if (spin) {
        mesh.arrow(add(places[n], spin, -0.34 * d), scale(spin, 0.68 * d),
          (texture() ? 0.05 : 0.036) * d, texture() ? colour(spin[2], 1, SPINS) : GOLD, text,
          mine.size > 200 ? 6 : 12);
      }
    }
    if (chosen.picked) highlight(mesh, places, d);
    const traces = [mesh.trace(), edges.trace(), flat.trace({ opacity: 0.55 })];
    traces.push(...cellEdges());
    draw3D(traces.filter((t) => t.x.length), [...mine].map((n) => places[n]), d,
      names(mine, places));
    legend(group, peak, vectors);
  }
  const texture = () => scene.states.length && scene.states[0].spins.length >= TEXTURE;
  function inBox(used) {
    const box = scene.states[chosen.state].box;
    scene.sites.forEach((site, n) => {
      if (site.cell.every((c, m) => c >= 0 && c < box[m])) used.add(n);
    });
  }
  function bonds(mesh, group, drawn, places, d, peak) {
    for (const { row, sites, key: mine } of drawn) {
      const v = value(group, row), [a, b] = sites.map((n) => places[n]);
      mesh.tube(a, b, d * (0.01 + 0.035 * Math.abs(v) / peak), colour(v, peak), story(mine));
    }
  }
  function plaquettes(flat, edges, group, drawn, places, d, peak) {
    for (const { row, sites, key: mine } of drawn) {
      const v = value(group, row), points = sites.map((n) => places[n]), shade = colour(v, peak);
      flat.polygon(points, shade, story(mine));
      const middle = mean(points), inner = points.map((p) => add(middle, sub(p, middle), 0.9));
      inner.forEach((p, n) => edges.tube(p, inner[(n + 1) % inner.length], 0.018 * d, shade,
        story(mine)));
    }
  }
  function arrows(mesh, group, list, places, d) {
    const peak = most(group.values[chosen.frame]);
    for (const { row, sites, key: mine } of list) {
      // A copy of a bond in another cell keeps its direction, and so its vector.
      const vector = group.vectors[chosen.frame][row], points = sites.map((n) => places[n]);
      const share = 0.6 * d / peak, from = points.length === 2
        ? add(points[0], sub(points[1], points[0]), 0.38) : mean(points);
      if (length(vector) * share < 0.02 * d) continue;
      mesh.arrow(add(from, vector, -share / 2), scale(vector, share), 0.022 * d, PURPLE, story(mine));
    }
  }
  function highlight(mesh, places, d) {
    const first = (spots.get(chosen.picked) || [])[0];
    if (!first) return;
    const points = first.sites.map((n) => places[n]);
    const closed = points.length > 2 ? points : points.slice(0, -1);
    closed.forEach((p, n) => mesh.tube(p, points[(n + 1) % points.length], 0.05 * d, INK,
      story(chosen.picked)));
  }
  function atomText(n, spin) {
    const own = story(String(n));
    const label = escape(scene.sites[n].label);
    const turned = spin ? `<br>S = (${spin.map((v) => v.toFixed(3)).join(", ")})` : "";
    return (own || label) + turned;
  }
  function cellEdges() {
    const vectors = scene.vectors;
    if (!vectors.length) return [];
    const x = [], y = [], z = [], corners = 1 << vectors.length;
    const start = scene.vectors.reduce((p, v, n) => add(p, v, scene.centre[n]), [0, 0, 0]);
    const corner = (bits) => vectors.reduce((p, v, n) => (bits >> n & 1 ? add(p, v) : p), start);
    for (let bits = 0; bits < corners; bits++) vectors.forEach((_, n) => {
      if (bits >> n & 1) return;
      for (const p of [corner(bits), corner(bits | 1 << n)]) { x.push(p[0]); y.push(p[1]); z.push(p[2]); }
      x.push(null); y.push(null); z.push(null);
    });
    return [{ type: "scatter3d", mode: "lines", x, y, z, line: { color: "#8a939d", width: 2 },
      hoverinfo: "skip" }];
  }
  // Annotations lie above everything, so that atoms do not hide their names.
  function names(used, places) {
    if (!chosen.labels || used.size > MOST_LABELS) return [];
    return [...used].map((n) => ({ x: places[n][0], y: places[n][1], z: places[n][2],
      text: escape(`${scene.sites[n].symbol} ${scene.sites[n].site}`.trim()), showarrow: false,
      font: { size: 12, color: INK } }));
  }
  const planar = scene.sites.every((s) => Math.abs(s.place[2] - scene.sites[0].place[2]) < 0.1 * step);
  function draw3D(traces, points, d, annotations) {
    const low = [0, 1, 2].map((m) => Math.min(...points.map((p) => p[m])) - 0.75 * d);
    const high = [0, 1, 2].map((m) => Math.max(...points.map((p) => p[m])) + 0.75 * d);
    const span = high.map((h, m) => h - low[m]), largest = Math.max(...span);
    const axis = (m) => ({ range: [low[m], high[m]], visible: false, showspikes: false });
    const ratio = span.map((s) => 1.5 * s / largest);
    Plotly.react("structure", traces, {
      margin: { l: 0, r: 0, t: 0, b: 0 }, showlegend: false, uirevision: "keep",
      hoverlabel: { bgcolor: "#fff", bordercolor: "#8a939d", align: "left",
        font: { color: INK, size: 12 } },
      scene: { xaxis: axis(0), yaxis: axis(1), zaxis: axis(2), dragmode: "orbit",
        annotations,
        aspectmode: "manual", aspectratio: { x: ratio[0], y: ratio[1], z: ratio[2] },
        camera: { up: { x: 0, y: 0, z: 1 }, eye: planar ? { x: 0, y: -0.75, z: 1.65 }
          : { x: 0.85, y: -1.55, z: 0.65 } } },
    }, { responsive: true, displaylogo: false,
      toImageButtonOptions: { filename: "msgreen", scale: 3 } });
  }
  function legend(group, peak, vectors) {
    const box = at("legend");
    box.replaceChildren();
    if (!group) return;
    const head = document.createElement("div"), bar = document.createElement("div");
    const ends = document.createElement("div");
    head.textContent = `${group.signed ? group.symbol : `|${group.symbol}|`} (meV)`;
    bar.className = "bar";
    bar.style.background = css(group.signed ? RAMP : UPPER);
    ends.className = "ends";
    for (const v of group.signed ? [-peak, 0, peak] : [0, peak / 2, peak]) {
      const mark = document.createElement("span");
      mark.textContent = number(Number(v.toPrecision(3)));
      ends.append(mark);
    }
    box.append(head, bar, ends);
    for (const some of vectors) {
      const size = Number(most(some.values[chosen.frame]).toPrecision(3));
      if (size) box.append(entry(PURPLE, `${some.symbol}, longest ${number(size)} meV`));
    }
    if (chosen.spins && scene.states.length) {
      box.append(texture() ? entry(css(SPINS), "spins: S_z from −1 to 1") : entry(GOLD, "spins"));
    }
    if (kinds.length > 1) kinds.forEach((name, n) => box.append(entry(shadeOf(n), name)));
  }
  function entry(shade, text) {
    const line = document.createElement("div"), mark = document.createElement("i");
    line.className = "key";
    mark.style.background = shade;
    line.append(mark, text);
    return line;
  }

  // --- curves ----------------------------------------------------------------------------------
  const LAYOUT = { margin: { l: 58, r: 12, t: 12, b: 40 }, showlegend: false, hovermode: "closest",
    font: { size: 12, color: INK }, hoverlabel: { bgcolor: "#fff", align: "left",
      font: { color: INK, size: 12 } } };
  const AXIS = { zeroline: true, zerolinecolor: "#aab2ba", gridcolor: "#eef1f4", linecolor: "#8a939d",
    showline: true, ticks: "outside", tickcolor: "#8a939d" };
  const curve = { displaylogo: false, responsive: true,
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] };
  function against() {
    const group = chosen.group, panel = at("distance");
    panel.hidden = !group || group.size < 2 || Boolean(scene.frame && scene.frame.sizes);
    if (panel.hidden) return;
    const length = (group.size > 2 ? group.paths : group.legs).map((x) => Number(x.toFixed(4)));
    const rows = group.sites.map((_, row) => row).filter((row) => value(group, row) !== null);
    const shown = new Set(visible(group).map(({ row }) => row));
    const sign = chosen.logarithmic || !group.signed;
    const y = rows.map((row) => (sign ? Math.abs(value(group, row)) : value(group, row)));
    const errors = group.errors[chosen.frame], peak = most(group.values[chosen.frame]);
    const picked = chosen.picked;
    const name = `${sign ? `|${group.symbol}|` : group.symbol} (meV)`;
    Plotly.react("distance", [{ type: "scatter", mode: "markers", x: rows.map((row) => length[row]), y,
      error_y: errors ? { type: "data", array: rows.map((row) => errors[row]), thickness: 1, width: 0,
        color: "#8a939d" } : undefined,
      marker: { size: rows.map((row) => (key(group.sites[row]) === picked ? 13 : 8)),
        color: rows.map((row) => colour(value(group, row), peak)),
        opacity: rows.map((row) => (shown.has(row) ? 1 : 0.25)),
        line: { width: rows.map((row) => (key(group.sites[row]) === picked ? 2.5 : 0.7)), color: INK } },
      customdata: rows.map((row) => key(group.sites[row])),
      text: rows.map((row) => story(key(group.sites[row]))), hoverinfo: "text" }],
    { ...LAYOUT, xaxis: { ...AXIS, title: { text: group.size > 2 ? "length of the loop (Å)"
      : "distance (Å)" } }, yaxis: { ...AXIS, title: { text: name },
      type: chosen.logarithmic ? "log" : "linear", rangemode: "tozero",
      exponentformat: "power" } }, curve);
  }
  function along() {
    const group = chosen.group, frame = scene.frame, panel = at("parameter");
    panel.hidden = !frame || !group;
    if (panel.hidden) return;
    const row = parameterRow(group);
    const labels = group.sites[row].map((n) => scene.sites[n].label).join(" – ");
    if (frame.second) return map(group, row, labels);
    const values = group.values.map((v) => (v[row] !== null && chosen.logarithmic
      ? Math.abs(v[row]) : v[row]));
    const errors = group.errors.map((e) => e && e[row]);
    const sign = chosen.logarithmic || !group.signed;
    const name = `${sign ? `|${group.symbol}|` : group.symbol} (meV)`;
    Plotly.react("parameter", [
      { type: "scatter", mode: frame.values.length > 60 ? "lines" : "lines+markers", x: frame.values,
        y: values, line: { color: "#0f766e", width: 1.6 }, marker: { size: 5 },
        error_y: { type: "data", array: errors, thickness: 1, width: 0, color: "#8a939d" },
        text: errors.map((e) => (e ? ` ± ${e.toPrecision(1)}` : "")),
        hovertemplate: "%{x}: %{y:.5g}%{text} meV<extra></extra>" },
      { type: "scatter", mode: "markers", x: [frame.values[chosen.frame]], y: [values[chosen.frame]],
        marker: { size: 11, color: colour(value(group, row), group.peak),
          line: { width: 2, color: INK } }, hoverinfo: "skip" }],
    { ...LAYOUT, xaxis: { ...AXIS, zeroline: false, title: { text: frame.name } },
      yaxis: { ...AXIS, title: { text: name }, type: chosen.logarithmic ? "log" : "linear",
        exponentformat: "power" },
      ...headed(frame.sizes ? "" : labels) }, curve);
  }
  function map(group, row, labels) {
    const { values: x, second, name } = scene.frame, peak = most(group.values.map((v) => v[row]));
    const count = second.values.length, ramp = group.signed ? RAMP : UPPER;
    const z = second.values.map((_, b) => x.map((_, a) => group.values[a * count + b][row]));
    const symbol = group.signed ? group.symbol : `|${group.symbol}|`;
    Plotly.react("parameter", [
      { type: "heatmap", x, y: second.values, z, zmin: group.signed ? -peak : 0, zmax: peak || 1,
        colorscale: ramp.map(([share, ...c]) => [share, `rgb(${c})`]),
        colorbar: { title: { text: `${symbol} (meV)` }, thickness: 12 },
        hovertemplate: "%{x}, %{y}: %{z:.5g} meV<extra></extra>" },
      // A ring that is seen on dark and on light.
      ...[["#fff", 5], [INK, 2]].map(([shade, width]) => ({ type: "scatter", mode: "markers",
        x: [x[first()]], y: [second.values[other()]], hoverinfo: "skip",
        marker: { size: 11, color: "rgba(0,0,0,0)", line: { width, color: shade } } }))],
    { ...LAYOUT, xaxis: { ...AXIS, title: { text: name } },
      yaxis: { ...AXIS, title: { text: second.name } }, ...headed(labels) }, curve);
  }
  const headed = (text) => ({ margin: { ...LAYOUT.margin, t: 30 }, annotations: [{
    text: escape(text), xref: "paper", yref: "paper", x: 0, y: 1, showarrow: false, xanchor: "left",
    yanchor: "bottom" }] });
  // The second parameter of two runs faster.
  const others = scene.frame && scene.frame.second ? scene.frame.second.values.length : 1;
  const first = () => Math.floor(chosen.frame / others);
  const other = () => chosen.frame % others;
  function parameterRow(group) {
    const mine = group.sites.findIndex((sites) => key(sites) === chosen.picked);
    if (mine >= 0) return mine;
    const values = group.values[chosen.frame].map((v) => Math.abs(v || 0));
    return values.indexOf(Math.max(...values));
  }

  // --- controls --------------------------------------------------------------------------------
  function control(name, input, output) {
    const label = document.createElement("label");
    label.textContent = name;
    input.id = name.replace(/\W+/g, "-");
    label.htmlFor = input.id;
    at("controls").append(label, input);
    if (output) at("controls").append(output);
  }
  function slider(name, steps, current, show, change) {
    if (steps < 2) return;
    const input = document.createElement("input"), output = document.createElement("output");
    Object.assign(input, { type: "range", min: 0, max: steps - 1, step: 1, value: current });
    output.textContent = show(current);
    input.oninput = () => {
      change(Number(input.value));
      output.textContent = show(Number(input.value));
      redraw();
    };
    control(name, input, output);
  }
  function box(parent, name, field) {
    const label = document.createElement("label"), input = document.createElement("input");
    Object.assign(input, { type: "checkbox", checked: chosen[field], id: field });
    input.onchange = () => { chosen[field] = input.checked; redraw(); };
    label.append(input, ` ${name}`);
    parent.append(label);
  }
  function controls() {
    at("controls").replaceChildren();
    slider("order", orders.length, orders.indexOf(chosen.order), (n) => `${orders[n] || "no"} spin${orders[n] === 1 ? "" : "s"}`, (n) => {
      choose(orders[n]);
      controls();
      at("order").focus();
    });
    const group = chosen.group;
    if (!group) return;
    const select = document.createElement("select"), mine = groupsOf(chosen.order);
    mine.forEach((g, n) => select.add(new Option(g.form ? `${g.name}: ${g.form}` : g.name, n)));
    select.selectedIndex = mine.indexOf(group);
    select.onchange = () => {
      chosen.group = mine[select.selectedIndex];
      reset();
      controls();
      redraw();
    };
    control("colour", select);
    const lengths = shells(group);
    slider(group.size > 2 ? "longest bond" : "cutoff", scene.frame && scene.frame.sizes ? 0
      : lengths.length, Math.max(0, lengths.findIndex((x) => x >= chosen.cutoff - 1e-6)),
    (n) => `${lengths[n].toFixed(2)} Å`, (n) => { chosen.cutoff = lengths[n]; });
    slider("weakest", group.drawn.length > 1 ? 101 : 0, chosen.share, (n) => `${n} % of the largest`,
      (n) => { chosen.share = n; });
    if (scene.frame) {
      const { name, values, second } = scene.frame;
      slider(name, values.length, first(), (n) => number(values[n]),
        (n) => { chosen.frame = n * others + other(); });
      if (second) slider(second.name, others, other(), (n) => number(second.values[n]),
        (n) => { chosen.frame = first() * others + n; });
    }
    slider("state", scene.states.length, chosen.state, (n) => `${n + 1} of ${scene.states.length}`,
      (n) => { chosen.state = n; });
    const boxes = document.createElement("div");
    boxes.className = "boxes";
    if (scene.groups.some((g) => g.vectors[0])) box(boxes, "vectors", "vectors");
    if (scene.states.length) box(boxes, "spins", "spins");
    box(boxes, "labels", "labels");
    box(boxes, "logarithmic", "logarithmic");
    at("controls").append(boxes);
  }
  function flip(by) {
    chosen.state = (chosen.state + by + scene.states.length) % scene.states.length;
    controls();
    redraw();
  }
  function pick(mine) {
    chosen.picked = mine;
    redraw();
  }

  // --- together --------------------------------------------------------------------------------
  function redraw() {
    structure();
    against();
    along();
    at("flip").hidden = !scene.states.length;
    if (scene.states.length) at("state").textContent = scene.states[chosen.state].title;
    at("picked").textContent = chosen.picked ? story(chosen.picked, "\n")
      : "Point at anything for its numbers; click a point of the plot to find it in the structure. "
        + "Drag to turn, wheel to zoom.";
  }
  function listen() {
    const click = (event) => pick(event.points[0].customdata);
    if (!at("distance").hidden) at("distance").on("plotly_click", click);
    if (!at("parameter").hidden) at("parameter").on("plotly_click", (event) => {
      const { pointIndex, pointNumber } = event.points[0]; // of maps [row, column]
      chosen.frame = scene.frame.second ? pointIndex[1] * others + pointIndex[0] : pointNumber;
      controls();
      redraw();
    });
    at("previous").onclick = () => flip(-1);
    at("next").onclick = () => flip(1);
    document.addEventListener("keydown", (event) => {
      if (!scene.states.length || /INPUT|SELECT/.test(event.target.tagName)) return;
      if (event.key === "ArrowLeft") flip(-1);
      if (event.key === "ArrowRight") flip(1);
    });
  }
  at("title").textContent = scene.title;
  at("about").textContent = scene.about;
  at("notes").textContent = scene.notes.join(" ");
  at("notes").hidden = !scene.notes.length;
  if (orders.length) choose(chosen.order);
  controls();
  redraw();
  listen();
  // Plots are made before the page has its size.
  requestAnimationFrame(() => ["structure", "distance", "parameter"]
    .filter((id) => at(id).data && !at(id).hidden).forEach((id) => Plotly.Plots.resize(at(id))));
  window.msgreen = { scene, chosen, redraw, choose, controls };
})();
