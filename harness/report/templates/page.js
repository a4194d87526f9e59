"use strict";
// The explorer: selects, a chart of estimates, a table, every pair, every trial. All data come from
// the page itself. All texts are inserted as text, never as HTML.
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const data = read("explorer-data");
  const charts = read("explorer-charts");
  const $ = (id) => document.getElementById(id);
  const endpoints = [...new Set(data.conditions.map((c) => c.endpoint))];
  const NONE = "";
  const NARROW = 500; // pixels of a chart
  const SMALL_NAMES = {
    labelExpr: "split(replace(datum.label, '/', '/\\n'), '\\n')",
    labelFontSize: 10,
    labelLineHeight: 11,
    labelBaseline: "line-bottom",
  };

  // --- small helpers ------------------------------------------------------------------------
  const number = (value) => {
    if (value === null || value === undefined) return "n/a";
    const size = Math.abs(value);
    if (size >= 999.5) return Number(value.toPrecision(4)).toLocaleString("en");
    return String(Number(value.toPrecision(3)));
  };
  const ratio = (value) => {
    if (value === null) return "n/a";
    return value >= 0.0995 ? value.toFixed(2) : String(Number(value.toPrecision(2)));
  };
  const interval = (low, high, form, value = 0) => {
    if (value === null) return "";
    return low === null || high === null ? " (one block)" : ` [${form(low)}, ${form(high)}]`;
  };
  const element = (name, text, attributes = {}) => {
    const node = document.createElement(name);
    if (text !== null) node.textContent = text;
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    return node;
  };
  // The name of a variant as a heading, which may break after the slash.
  const named = (name, attributes) => {
    const node = element("th", null, attributes);
    for (const part of name.split(/(?<=\/)/)) node.append(part, element("wbr", null));
    return node;
  };
  const fill = (select, options, chosen) => {
    select.replaceChildren(
      ...options.map(([value, text]) => {
        const option = element("option", text, { value });
        option.selected = value === chosen;
        return option;
      }),
    );
  };
  const keep = (select, options, preferred) => {
    const before = select.value;
    const values = options.map(([value]) => value);
    fill(select, options, values.includes(before) ? before : preferred);
  };

  // --- the selection ------------------------------------------------------------------------
  const condition = () => data.conditions.find((c) => c.name === $("x-load").value);
  const measure = () => $("x-measure").value;
  const comparison = () => condition().measures[measure()];
  const baseline = () => $("x-baseline").value;

  const refreshLoads = () => {
    const loads = data.conditions.filter((c) => c.endpoint === $("x-endpoint").value);
    keep($("x-load"), loads.map((c) => [c.name, c.load]), loads[0].name);
  };
  const refreshMeasures = () => {
    const offered = Object.keys(condition().measures);
    const first = condition().ranked.find((m) => offered.includes(m)) || offered[0];
    keep($("x-measure"), offered.map((m) => [m, data.measures[m].heading]), first);
  };
  const refreshBaselines = () => {
    const entries = comparison().entries;
    const preferred = entries.includes(data.baseline) ? data.baseline : NONE;
    const options = [[NONE, "none: absolute values"], ...entries.map((e) => [e, e])];
    if ($("x-baseline").options.length) keep($("x-baseline"), options, preferred);
    else fill($("x-baseline"), options, preferred);
  };

  // --- charts and tables --------------------------------------------------------------------
  const ordered = () => {
    const { entries, estimates, ranking } = comparison();
    const sign = data.measures[measure()].lower ? 1 : -1;
    const places = entries.map((_, at) => at);
    // The ranking uses ratios within blocks; means over different blocks may order differently.
    if (ranking.length === places.length) return ranking.map((name) => entries.indexOf(name));
    return places.sort((a, b) => sign * (estimates[a][0] - estimates[b][0]));
  };
  const { DIFFERS, SAME, UNDECIDED } = data.verdicts;
  const percent = (share) => `${Number((100 * share).toPrecision(6))} %`;
  const same = `${SAME} within ${percent(data.margin)}`;
  // How far a ratio may be from 1: rounded up, so that it is true of the exact number.
  const atMost = (share) => {
    if (share >= 2) return `a factor of ${number(1 + share)}`;
    const tenths = share < 0.01 ? 10 : 1;
    return `${Math.ceil(100 * share * tenths - 1e-9) / tenths} %`;
  };
  // Two families of tests: all pairs, and the ratios to the study's baseline.
  const pairDecision = ({ ranking, ratio, verdict, at_most }, one, other) =>
    ranking.length && ratio[one][other] !== null ? [verdict[one][other], at_most[one][other]] : null;
  const decision = (current, one, other) => {
    const base = current.entries.indexOf(data.baseline);
    const against = { [one]: current.to_baseline[other], [other]: current.to_baseline[one] }[base];
    return against || pairDecision(current, one, other);
  };
  const verdict = (current, one, other) => {
    if (one === other) return "";
    if (current.ratio[one][other] === null) return "no common block";
    if (!current.ranking.length) return "not ranked";
    return inFull(decision(current, one, other));
  };
  const inFull = ([found, most]) => {
    if (found === SAME) return same;
    if (found === DIFFERS) return DIFFERS;
    return most === null ? `${UNDECIDED}, one block` : `${UNDECIDED}, at most ${atMost(most)}`;
  };

  // Vega cuts what is wider than the chart. So on a phone legends have an entry a line, names of
  // rows have two lines, and the axis title reaches below them.
  const fitted = (spec, width) => {
    if (width >= NARROW) return;
    spec.padding = { left: 5, right: 12, top: 5, bottom: 5 }; // half a label beyond the axis
    spec.config.axisX = { titleAnchor: "end", titleLimit: width };
    for (const { encoding } of spec.layer ?? [spec]) {
      for (const { legend } of Object.values(encoding)) {
        if (legend) legend.columns = 1;
      }
      const names = encoding.y?.axis;
      if (names?.labelLimit) Object.assign(names, SMALL_NAMES, { labelLimit: 0.6 * width });
    }
  };
  const views = new Map();
  const turns = new Map();
  // titles: by channel, the title of the axis that shows the measure; two lines are an array.
  const draw = async (id, name, datasets, alternative, titles = {}) => {
    const holder = $(id);
    const turn = (turns.get(id) || 0) + 1;
    turns.set(id, turn);
    const spec = { ...structuredClone(charts[name]), datasets };
    for (const { encoding } of spec.layer ?? [spec]) {
      for (const [channel, text] of Object.entries(titles)) {
        if (encoding[channel]?.title !== undefined) encoding[channel].title = text;
      }
    }
    if (spec.height.step) {
      // Steps would do, but Vega-Lite warns of them in a chart that fits its container.
      spec.height = spec.height.step * new Set(datasets.rows.map((row) => row.variant)).size;
    }
    fitted(spec, holder.clientWidth);
    const before = views.get(id);
    if (before) before.finalize();
    const view = await vegaEmbed(holder, spec, {
      ast: true,
      renderer: "svg",
      actions: { export: true, source: false, compiled: false, editor: false },
      downloadFileName: `${condition().name}-${name}`,
    });
    if (turns.get(id) !== turn) {
      view.finalize(); // the selection has changed meanwhile
      return;
    }
    views.set(id, view);
    const svg = holder.querySelector("svg.marks");
    if (svg) {
      svg.setAttribute("role", "img");
      svg.setAttribute("aria-label", alternative);
    }
  };
  const titleLines = () => {
    const heading = data.measures[measure()].heading;
    return baseline() === NONE ? [heading] : [heading, `ratio to ${baseline()}`];
  };
  const title = () => titleLines().join(", ");

  const caption = (absolute, judged) => {
    if (absolute) return `${title()}, with 95 % intervals. Ticks are blocks.`;
    const band = judged ? ` An interval inside the band: ${same}.` : "";
    return `${title()}, with 95 % intervals.${band}`;
  };

  // The band of equality. Its label stands on the side where the chart has more room.
  const margins = (current, shown) => {
    if (!current.ranking.length) return [];
    const logs = shown.flatMap(({ value, low, high }) => [low ?? value, high ?? value].map(Math.log));
    const side = Math.max(...logs, 0) + Math.min(...logs, 0) < 0 ? "right" : "left";
    return [{ low: 1 / (1 + data.margin), high: 1 + data.margin, label: same, side }];
  };

  const showIntervals = () => {
    const current = comparison();
    const base = current.entries.indexOf(baseline());
    const rows = ordered().map((at) => {
      const [value, low, high] =
        base < 0 ? current.estimates[at] : [current.ratio, current.low, current.high].map((m) => m[at][base]);
      const judged = base < 0 ? {} : { verdict: verdict(current, at, base) };
      return { variant: current.entries[at], value, low, high, ...judged };
    });
    // One block has a value but no interval.
    const spans = rows.filter((row) => row.low !== null && row.high !== null);
    const alternative = `${title()}: ${rows.map((r) => `${r.variant} ${number(r.value)}`).join(", ")}`;
    $("x-caption").textContent = caption(base < 0, current.ranking.length > 0);
    if (base < 0) {
      const dots = ordered().flatMap((at) =>
        Object.entries(current.points[at]).map(([block, value]) => ({
          variant: current.entries[at],
          block,
          value,
        })),
      );
      return draw("x-chart", "absolute", { rows, spans, dots }, alternative, { x: titleLines() });
    }
    const shown = rows.filter((row) => row.value !== null);
    const datasets = { rows: shown, spans, margin: margins(current, shown), one: [{ value: 1 }] };
    return draw("x-chart", "ratio", datasets, alternative, { x: titleLines() });
  };

  /** Variants of the condition that have no figure by the measure. */
  const without = () => condition().entries.filter((name) => !comparison().entries.includes(name));

  const showTable = () => {
    const current = comparison();
    const base = current.entries.indexOf(baseline());
    const body = ordered().map((at) => {
      const row = element("tr", null);
      const [mean, low, high] = current.estimates[at];
      const name = current.entries[at];
      row.append(named(name, { scope: "row", title: data.titles[name] || "" }));
      row.append(element("td", current.letters[at] || "not ranked"));
      const relative =
        base < 0 || at === base
          ? ""
          : ratio(current.ratio[at][base]) +
            interval(current.low[at][base], current.high[at][base], ratio, current.ratio[at][base]);
      const cell = element("td", at === base ? "1" : relative);
      const judged = base < 0 ? "" : verdict(current, at, base);
      if (judged && judged !== DIFFERS && current.ranking.length) {
        cell.append(element("br", null), element("span", judged, { class: "soft" }));
      }
      row.append(cell);
      row.append(element("td", number(mean) + interval(low, high, number)));
      row.append(element("td", condition().limits[name]));
      return row;
    });
    for (const name of without()) {
      const row = element("tr", null);
      row.append(named(name, { scope: "row", title: data.titles[name] || "" }));
      row.append(element("td", ""), element("td", ""), element("td", "no figure"));
      row.append(element("td", condition().missing[name] || "no value by this measure"));
      body.push(row);
    }
    $("x-table").tBodies[0].replaceChildren(...body);
    $("x-head-value").textContent = data.measures[measure()].heading;
    $("x-table").classList.toggle("absolute", base < 0);
    $("x-head-ratio").textContent = base < 0 ? "ratio" : `ratio to ${baseline()}`;
  };

  const mark = ([found, most]) => {
    if (found === DIFFERS) return " ≠";
    if (found === SAME) return " =";
    return most === null ? "" : ` (≤ ${atMost(most).replace("a factor of ", "× ")})`;
  };

  const showMatrix = () => {
    if (!$("x-pairs").open) return;
    const current = comparison();
    const order = ordered();
    const head = element("tr", null);
    head.append(element("th", "row / column", { scope: "col" }));
    for (const at of order) head.append(named(current.entries[at], { scope: "col" }));
    const body = order.map((one) => {
      const row = element("tr", null);
      row.append(named(current.entries[one], { scope: "row" }));
      for (const other of order) {
        const value = current.ratio[one][other];
        const bounds = interval(current.low[one][other], current.high[one][other], ratio, value);
        const judged = one === other ? null : pairDecision(current, one, other);
        const cell = element("td", one === other ? "" : ratio(value) + bounds);
        if (judged) {
          cell.textContent += mark(judged);
          cell.title = inFull(judged);
          if (judged[0] === DIFFERS) cell.className = "differs";
        }
        row.append(cell);
      }
      return row;
    });
    $("x-matrix").tHead.replaceChildren(head);
    $("x-matrix").tBodies[0].replaceChildren(...body);
  };

  const showTrials = () => {
    const all = condition().trials.map((t) => ({
      variant: t.entry === data.duplicate ? data.baseline : t.entry,
      title: t.entry === data.duplicate ? `${data.baseline} again (A/A)` : t.entry,
      block: t.block,
      attempt: t.attempt,
      file: t.file,
      value: t.values[measure()] ?? null,
      standing: t.standing,
      labels: t.labels.join("; ") || "none",
    }));
    showOdd(all.filter((t) => t.standing !== data.standings[0]));
    const rows = all.filter((t) => t.value !== null);
    const counts = data.standings.map((s) => [s, all.filter((t) => t.standing === s).length]);
    const standings = counts.filter(([, n]) => n).map(([s, n]) => `${n} ${s}`).join("; ");
    const text = `${all.length} trials: ${standings}; ${all.length - rows.length} without a value`;
    $("x-trials-count").textContent = `${text}. The hidden duplicate has the colour of the baseline.`;
    return draw("x-trials", "trials", { rows }, text, { y: data.measures[measure()].heading });
  };

  // Trials with a label, and trials that do not count: the reason and the file.
  const showOdd = (trials) => {
    $("x-odd").hidden = !trials.length;
    $("x-odd-count").textContent = `Trials with a label or that do not count: ${trials.length}`;
    const body = trials.map((t) => {
      const row = element("tr", null);
      row.append(element("th", t.title, { scope: "row" }));
      for (const text of [t.block, t.attempt, number(t.value), t.standing]) {
        row.append(element("td", String(text)));
      }
      row.append(element("td", t.labels, { class: "wrap" }));
      row.append(element("td", t.file));
      return row;
    });
    $("x-odd-table").tBodies[0].replaceChildren(...body);
  };

  const showLatencies = () => {
    const rows = Object.entries(condition().latencies).flatMap(([variant, latencies]) =>
      latencies.map(([percentile, value]) => ({ variant, percentile, value })),
    );
    const p99 = rows.filter((row) => row.percentile === 99);
    const text = p99.map((row) => `${row.variant} ${number(row.value)} ms`).join(", ");
    const all = `99th percentile of all blocks pooled: ${text}`;
    return draw("x-latencies", "latencies", { rows }, all);
  };

  const showResources = () => {
    const rows = Object.entries(condition().shares).flatMap(([variant, used]) =>
      Object.entries(used || {})
        .filter(([, value]) => value)
        .map(([role, value], at) => ({
          variant, role, value, at, limit: condition().limits[variant],
        })),
    );
    const used = (variant) =>
      rows.filter((r) => r.variant === variant).map((r) => `${r.role} ${number(r.value)}`);
    const limited = (limit) => `limited by: ${limit.replaceAll("-bound", "")}`;
    const text = Object.entries(condition().limits)
      .map(([variant, limit]) => `${variant}: ${[...used(variant), limited(limit)].join(", ")}`)
      .join("; ");
    return draw("x-resources", "resources", { rows }, `Processors used: ${text}`);
  };

  const showVerdict = () => {
    const current = comparison();
    const heading = data.measures[measure()].heading;
    const missing = without();
    const some = missing.length ? ` No figure: ${missing.join(", ")}.` : "";
    if (!current.ranking.length) {
      const why = current.unsaid ? `: ${current.unsaid}` : "";
      $("x-verdict").textContent = `${heading}: no ranking${why}.${some}`;
      return;
    }
    const best = current.entries.indexOf(current.ranking[0]);
    const judged = current.entries.map((entry, at) =>
      [entry, ...((at !== best && decision(current, at, best)) || [])]);
    const equal = judged.filter(([, found]) => found === SAME).map(([entry]) => entry);
    const open = judged
      .filter(([, found]) => found === UNDECIDED)
      .map(([entry, , most]) => (most === null ? entry : `${entry} (at most ${atMost(most)})`));
    const [mean, low, high] = current.estimates[best];
    const also =
      (equal.length ? `; ${same}: ${equal.join(", ")}` : "") +
      (open.length ? `; not told apart from it: ${open.join(", ")}` : "");
    const side = data.measures[measure()].lower ? "least" : "most";
    const value = number(mean) + interval(low, high, number);
    $("x-verdict").textContent = `${heading}: ${side} with ${current.entries[best]}, ${value}${also}.${some}`;
  };

  const show = async () => {
    showVerdict();
    showTable();
    showMatrix();
    await showIntervals();
    await Promise.all([showTrials(), showLatencies(), showResources()]);
    document.documentElement.dataset.explorer = "ready";
  };

  $("x-endpoint").addEventListener("change", () => {
    refreshLoads(); refreshMeasures(); refreshBaselines(); show();
  });
  $("x-load").addEventListener("change", () => { refreshMeasures(); refreshBaselines(); show(); });
  $("x-measure").addEventListener("change", () => { refreshBaselines(); show(); });
  $("x-baseline").addEventListener("change", () => {
    showTable();
    showMatrix();
    showIntervals();
  });
  // Print shows everything open. The browser takes the page before it fires `toggle`.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const closed of opened) closed.open = true;
    showMatrix();
  });
  addEventListener("afterprint", () => {
    for (const before of opened) before.open = false;
  });
  $("x-pairs").addEventListener("toggle", showMatrix);
  $("explore").hidden = false;
  fill($("x-endpoint"), endpoints.map((e) => [e, e]), endpoints[0]);
  refreshLoads(); refreshMeasures(); refreshBaselines();
  show();
})();
