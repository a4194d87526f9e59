"use strict";
// The leaderboard: selects, filters, sorting, two stacks side by side. All data come from the page
// itself, and all texts are inserted as text, never as HTML. The address' hash holds the state.
(() => {
  const boards = JSON.parse(document.getElementById("board-data").textContent);
  const $ = (id) => document.getElementById(id);
  const NOTHING = "-";
  const BEST = "best";
  const NAME = "stack"; // the column of names, where sorting is told
  const HEAT = [1.05, 1.3, 2, 4, 8]; // see board_table.py
  const SAME = 1; // a place in a board's verdicts: 0 differs, all from 2 on are undecided
  const FILTERS = JSON.parse(document.getElementById("board-data").dataset.filters);

  // --- texts ---------------------------------------------------------------------------------
  const { number, times, bounds, element } = texts;
  /** A stack's name, which may break after its slash. */
  const named = (name) => {
    const node = element("span", null, { class: "name", dir: "auto" });
    const parts = name.split("/");
    parts.forEach((part, at) => {
      node.append(at + 1 < parts.length ? `${part}/` : part);
      if (at + 1 < parts.length) node.append(element("wbr", null));
    });
    return node;
  };
  const fill = (select, options, chosen) => {
    const groups = new Map([["", select]]);
    const nodes = [];
    for (const [value, text, group = ""] of options) {
      const option = element("option", text, { value });
      option.selected = value === chosen;
      if (!group) { nodes.push(option); continue; }
      if (!groups.has(group)) {
        groups.set(group, element("optgroup", null, { label: group }));
        nodes.push(groups.get(group));
      }
      groups.get(group).append(option);
    }
    select.replaceChildren(...nodes);
  };

  // --- the state, and its form in the address -------------------------------------------------
  let state;
  let told = ""; // what an address asked for and this site does not have
  const board = () => boards[state.run];
  const defaults = (run) => ({
    run,
    measure: boards[run].first,
    view: boards[run].views[0].key,
    to: BEST,
    sort: null, // a column's name, NAME, or null for the column that tells most
    worst: false,
    a: "",
    b: "",
    filters: Object.fromEntries(Object.keys(FILTERS).map((key) => [key, new Set()])),
  });
  const view = () => board().views.find(({ key }) => key === state.view);
  const columns = () => view().columns.map((at) => board().columns[at]);
  const sorting = () => state.sort ?? board().columns[view().sorts[state.measure]].name;

  const written = () => {
    const usual = defaults(state.run);
    const words = new URLSearchParams();
    words.set("run", board().run);
    for (const key of ["measure", "view", "to", "sort", "a", "b"]) {
      if (state[key] !== usual[key] && state[key]) words.set(key, state[key]);
    }
    if (state.worst) words.set("order", "worst");
    for (const [key, chosen] of Object.entries(state.filters)) {
      for (const value of [...chosen].sort()) words.append(key, value);
    }
    const text = String(words);
    return state.run === 0 && [...words].length === 1 ? "" : text;
  };
  const read = () => {
    const words = new URLSearchParams(location.hash.slice(1));
    const asked = words.get("run");
    const found = boards.findIndex(({ run }) => run === asked);
    told = asked && found < 0 ? `${asked} is not the newest run of its study here, so another one is shown.` : "";
    state = defaults(Math.max(found, 0));
    const names = board().stacks.map(({ name }) => name);
    const allowed = {
      measure: Object.keys(board().measures),
      view: board().views.map(({ key }) => key),
      to: names,
      sort: [NAME, ...board().columns.map(({ name }) => name)],
      a: names,
      b: names,
    };
    for (const [key, values] of Object.entries(allowed)) {
      if (values.includes(words.get(key))) state[key] = words.get(key);
    }
    if (state.a === state.b) state.b = "";
    state.worst = words.get("order") === "worst";
    for (const [key, chosen] of Object.entries(state.filters)) {
      const known = kinds(key);
      for (const value of words.getAll(key)) if (known.includes(value)) chosen.add(value);
    }
  };
  const kinds = (key) => [...new Set(board().stacks.map((stack) => stack[key]))].filter(Boolean).sort();
  const remember = () => {
    const hash = written();
    $("b-link").href = `#${hash || `run=${board().run}`}`;
    if (location.hash.slice(1) !== hash) {
      history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
    }
  };

  // --- figures --------------------------------------------------------------------------------
  const place = (name) => board().stacks.findIndex((stack) => stack.name === name);
  const lower = () => board().measures[state.measure][1];
  /** Ratio of one entry to another, with bounds and verdict; null without a block in common. */
  const pair = ({ entries, pairs }, one, other) => {
    const later = Math.max(one, other);
    const earlier = Math.min(one, other);
    const at = earlier * entries.length - (earlier * (earlier + 1)) / 2 + later - earlier - 1;
    const [ratio, low, high] = [pairs.ratio[at], pairs.low[at], pairs.high[at]];
    if (ratio === null) return null;
    const turned = (value) => (value === null ? null : 1 / value);
    const interval = one > other ? [ratio, low, high] : [1 / ratio, turned(high), turned(low)];
    return { interval, verdict: pairs.verdict[at] };
  };
  const heat = (ratio) => {
    const worse = lower() ? ratio : 1 / ratio;
    const steps = (factor) => HEAT.filter((step) => factor >= step).length;
    return worse >= 1 ? `h${steps(worse)}` : `g${steps(1 / worse)}`;
  };
  const within = ([mean, ...rest]) => bounds([mean, ...rest], number);

  /** A stack under a condition: value, ratio, mark, colour, and what is told of it. */
  const figure = (column, at) => {
    const figures = column.measures[state.measure];
    const own = figures ? figures.entries.indexOf(at) : -1;
    if (own < 0) {
      const [word, why] = column.missing[at] ?? [NOTHING, ""];
      return { value: word, ratio: "", mark: "", heat: "h0", told: why, lacking: true };
    }
    const ties = [...figures.letters[own].matchAll(/\(\d+\)|./g)].map(String).join(", ");
    const parts = [within(figures.values[own]), ties && `tie groups: ${ties}`];
    const reference = state.to === BEST ? 0 : figures.entries.indexOf(place(state.to));
    const cell = { value: number(figures.values[own][0]), ratio: "", mark: "", heat: "h0" };
    if (own === reference) {
      if (state.to !== BEST) cell.ratio = "1";
      else if (!figures.unsaid) cell.ratio = BEST;
    } else if (reference >= 0) {
      const found = pair(figures, own, reference);
      if (found) {
        const { interval, verdict } = found;
        cell.ratio = `${times(interval[0])}×`;
        if (verdict !== null) parts.push(board().verdicts[verdict]);
        if (verdict) cell.mark = verdict === SAME ? "=" : "≈";
        else if (!figures.misleading) cell.heat = heat(interval[0]);
      }
    }
    return { ...cell, told: parts.filter(Boolean).join("; ") };
  };

  // --- the table ------------------------------------------------------------------------------
  const passes = (stack) =>
    Object.entries(state.filters).every(([key, chosen]) => !chosen.size || chosen.has(stack[key]));
  const order = () => {
    const all = board().stacks.map((_, at) => at);
    const key = sorting();
    if (key === NAME) {
      all.sort((a, b) => (board().stacks[a].name < board().stacks[b].name ? -1 : 1));
      return state.worst ? all.reverse() : all;
    }
    const column = board().columns.find(({ name }) => name === key);
    const known = [...(column.measures[state.measure]?.entries ?? [])];
    if (state.worst) known.reverse();
    return [...known, ...all.filter((at) => !known.includes(at))];
  };
  const ascending = (key) => (key === NAME || lower()) !== state.worst;
  const head = (key, heading, load, title) => {
    const sorted = key === sorting();
    const cell = element("th", null, {
      scope: "col",
      "aria-sort": sorted ? (ascending(key) ? "ascending" : "descending") : "none",
    });
    if (title) cell.title = title;
    const button = element("button", heading, { type: "button" });
    button.dataset.key = key;
    button.addEventListener("click", () => {
      state.worst = key === sorting() && !state.worst;
      state.sort = key;
      show();
      [...$("board").tHead.querySelectorAll("button")].find((b) => b.dataset.key === key)?.focus();
    });
    cell.append(button);
    if (load) cell.append(element("span", load, { class: "load" }));
    return cell;
  };
  const unsaid = (column) => {
    const figures = column.measures[state.measure];
    return figures ? figures.unsaid : "no stack has this figure";
  };
  const row = (at, cells) => {
    const stack = board().stacks[at];
    const line = element("tr", null);
    const chosen = stack.name === state.a || stack.name === state.b;
    if (chosen) line.className = "chosen";
    const first = element("th", null, { scope: "row", title: stack.title });
    const box = element("input", null, {
      type: "checkbox", class: "choose", "aria-label": `Compare ${stack.name}`,
    });
    box.checked = chosen;
    box.addEventListener("change", () => {
      choose(stack.name, box.checked);
      [...document.querySelectorAll(".choose")].find(
        (other) => other.getAttribute("aria-label") === `Compare ${stack.name}`)?.focus();
    });
    const about = Object.keys(FILTERS).map((key) => stack[key]).filter(Boolean).join(" · ");
    first.append(
      box,
      named(stack.name),
      element("span", about, { class: "about", dir: "auto" }),
    );
    line.append(first);
    if (stack.note) {
      line.append(element("td", stack.note, { class: "note", colspan: cells.length, dir: "auto" }));
      return line;
    }
    for (const { value, ratio, mark, heat: step, told: title, lacking } of cells) {
      const cell = element("td", null, { class: step });
      cell.append(element("span", value, { class: "value" }));
      if (lacking && title) cell.classList.add("why");
      if (title) cell.title = title;
      if (ratio) {
        const relative = element("span", ratio, { class: "ratio" });
        if (mark) relative.append(" ", element("span", mark, { class: "mark" }));
        cell.append(relative);
      }
      line.append(cell);
    }
    return line;
  };
  const choose = (name, wanted) => {
    const others = [state.a, state.b].filter((other) => other && other !== name);
    [state.a = "", state.b = ""] = wanted ? [...others.slice(-1), name] : others;
    show();
  };

  const showTable = () => {
    const shown = columns();
    const heads = shown.map((column) => {
      const why = unsaid(column);
      const load = column.load + (why ? ", not ranked" : "");
      const title = column.title + (why ? `; not ranked: ${why}` : "");
      return head(column.name, column.heading, load, title);
    });
    const line = element("tr", null);
    line.append(head(NAME, "stack", "", ""), ...heads);
    $("board").tHead.replaceChildren(line);
    const rows = order()
      .filter((at) => passes(board().stacks[at]))
      .map((at) => [at, shown.map((column) => figure(column, at))])
      .filter(([at, cells]) => board().stacks[at].note || cells.some(({ value }) => value !== NOTHING));
    $("board").tBodies[0].replaceChildren(...rows.map(([at, cells]) => row(at, cells)));
    const none = rows.length ? "" : ": no stack passes the filter";
    $("b-count").textContent =
      `${told ? `${told} ` : ""}${rows.length} of ${board().stacks.length} stacks, ` +
      `by ${board().measures[state.measure][0]}${none}`;
    showNotes(shown, rows.map(([at]) => at));
  };
  /** Reasons that stand in titles, for those who cannot point at them. */
  const showNotes = (shown, rows) => {
    const notes = shown.filter(unsaid).map((c) => `${c.heading}, ${c.load}: not ranked, because ${unsaid(c)}.`);
    for (const column of shown) {
      for (const [at, [word, why]] of Object.entries(column.missing)) {
        const stack = board().stacks[at];
        if (rows.includes(Number(at)) && !stack.note) {
          notes.push(`${stack.name}, ${column.heading}, ${column.load}: ${word}, ${why}.`);
        }
      }
    }
    $("b-notes").replaceChildren(...notes.map((note) => element("li", note, { dir: "auto" })));
    $("b-notes").hidden = !notes.length;
    $("b-key").textContent = state.to === BEST
      ? "× is the ratio to the best."
      : `× is the ratio to ${state.to}; blue cells are better than it.`;
  };

  // --- two stacks ------------------------------------------------------------------------------
  /** What the second has instead, in words; see `factors.differences`. */
  const differences = (a, b) => {
    const [one, other] = [board().stacks[a].factors, board().stacks[b].factors];
    return Object.keys(one)
      .filter((factor) => factor in other && other[factor] !== one[factor])
      .map((factor) => board().phrases[factor][one[factor]][other[factor]]);
  };
  const side = (column, a, b) => {
    const line = element("tr", null);
    const named = `${column.heading}${column.load ? `, ${column.load}` : ""}`;
    line.append(element("th", named, { scope: "row", class: "condition", title: column.title }));
    const figures = column.measures[state.measure];
    const [one, other] = [a, b].map((at) => (figures ? figures.entries.indexOf(at) : -1));
    const both = one >= 0 && other >= 0;
    const found = both ? pair(figures, other, one) : null;
    line.append(element("td", found ? bounds(found.interval, times) : both ? "no common block" : NOTHING));
    const judged = found && found.verdict !== null ? board().verdicts[found.verdict] : "";
    const silent = found ? `no verdict: ${figures.unsaid}` : missing(column, a, b);
    line.append(element("td", judged || silent, { class: "wrap" }));
    for (const [at, own] of [[a, one], [b, other]]) {
      const [word, why] = column.missing[at] ?? [NOTHING, ""];
      const cell = element("td", own < 0 ? word : within(figures.values[own]));
      if (own < 0 && why) { cell.title = why; cell.className = "why"; }
      line.append(cell);
    }
    return line;
  };
  const missing = (column, a, b) =>
    [a, b].filter((at) => column.missing[at])
      .map((at) => `${board().stacks[at].name}: ${column.missing[at][1]}`).join("; ");
  const showPair = () => {
    const names = board().stacks.map(({ name }) => [name, name]);
    fill($("b-a"), [["", "choose a stack"], ...names], state.a);
    fill($("b-b"), [["", "choose a stack"], ...names], state.b);
    const [a, b] = [place(state.a), place(state.b)];
    const both = a >= 0 && b >= 0;
    $("b-side").hidden = !both;
    $("b-bar").hidden = a < 0 && b < 0;
    $("b-show").hidden = !both;
    const chosen = [state.a, state.b].filter(Boolean);
    $("b-chosen").textContent = both ? chosen.join(" and ") : `${chosen[0]}: choose another to compare`;
    if (!both) return;
    const told = differences(a, b);
    $("b-differ-title").textContent = told.length
      ? `${state.b} differs from ${state.a} by:`
      : `${state.a} and ${state.b} differ in no factor that both have.`;
    $("b-differ").replaceChildren(...told.map((text) => element("li", text, { dir: "auto" })));
    $("b-name-a").textContent = state.a;
    $("b-name-b").textContent = state.b;
    const planned = board().columns.filter((column) =>
      [a, b].some((at) => column.missing[at] ||
        Object.values(column.measures).some(({ entries }) => entries.includes(at))));
    $("b-rows").replaceChildren(...planned.map((column) => side(column, a, b)));
  };

  // --- controls --------------------------------------------------------------------------------
  const showControls = () => {
    const title = ({ study, machine, date }) => `${study} · ${machine} · ${date}`;
    fill($("b-run"), boards.map((other, at) => [String(at), title(other)]), String(state.run));
    const measures = Object.entries(board().measures).map(([name, [heading]]) => [name, heading]);
    fill($("b-measure"), measures, state.measure);
    fill($("b-view"), board().views.map(({ key, title: t, group }) => [key, t, group]), state.view);
    $("b-view-label").hidden = board().views.length === 1;
    $("b-view-label").style.display = board().views.length === 1 ? "none" : "";
    const names = board().stacks.map(({ name }, at) =>
      [name, at === board().baseline ? `${name} (baseline of the study)` : name]);
    fill($("b-to"), [[BEST, "the best of each column"], ...names], state.to);
  };
  const showFilters = () => {
    const groups = Object.entries(FILTERS).filter(([key]) => kinds(key).length > 1);
    const fieldsets = groups.map(([key, title]) => {
      const set = element("fieldset", null);
      set.append(element("legend", title));
      for (const value of kinds(key)) {
        const label = element("label", null);
        const box = element("input", null, { type: "checkbox", value });
        box.checked = state.filters[key].has(value);
        box.addEventListener("change", () => {
          state.filters[key][box.checked ? "add" : "delete"](value);
          showTable();
          showFiltered();
          remember();
        });
        label.append(box, element("span", value, { dir: "auto" }));
        set.append(label);
      }
      return set;
    });
    $("b-filters").replaceChildren(...fieldsets);
    $("b-filter").hidden = !groups.length;
    showFiltered();
  };
  const showFiltered = () => {
    const chosen = Object.values(state.filters).flatMap((values) => [...values].sort());
    $("b-filtered").textContent = chosen.length ? `: ${chosen.join(", ")}` : "";
    if (chosen.length) $("b-filter").open = true;
  };
  const showAbove = () => {
    const { headline, title, date, facts, run } = board();
    $("b-headline").textContent = headline.join(" ");
    const link = element("a", title, { href: `runs/${run}/index.html`, dir: "auto" });
    $("b-facts").replaceChildren(link, ` · ${[date, ...facts].join(" · ")}`);
  };
  const show = () => {
    showAbove();
    showControls();
    showTable();
    showPair();
    remember();
  };
  const whole = () => {
    showFilters();
    show();
  };

  $("b-run").addEventListener("change", (event) => {
    state = defaults(Number(event.target.value));
    told = "";
    whole();
  });
  for (const key of ["measure", "view"]) {
    $(`b-${key}`).addEventListener("change", (event) => {
      state[key] = event.target.value;
      if (key === "view") state.sort = null;
      show();
    });
  }
  $("b-to").addEventListener("change", (event) => { state.to = event.target.value; show(); });
  for (const key of ["a", "b"]) {
    $(`b-${key}`).addEventListener("change", (event) => {
      state[key] = event.target.value;
      if (state.a === state.b) state[key === "a" ? "b" : "a"] = "";
      show();
    });
  }
  $("b-clear").addEventListener("click", () => { state.a = state.b = ""; show(); });
  $("b-show").addEventListener("click", () => {
    $("b-pair").scrollIntoView();
    $("b-pair-title").focus();
  });
  addEventListener("hashchange", () => {
    if (location.hash.includes("=") || location.hash === "") { read(); whole(); }
  });
  read();
  $("b-controls").hidden = false;
  $("b-pair").hidden = false;
  whole();
  document.documentElement.dataset.board = "ready";
})();
