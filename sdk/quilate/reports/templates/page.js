// What the pages share: elements, texts, and a list of samples that is searched, filtered and walked
// by keys. Everything that a model or a document wrote reaches a page through textContent, never as
// markup.
"use strict";
const page = (() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { words } = data;
  const control = (id) => document.getElementById(id);
  const LONG = 4000; // characters of a text shown before it is asked for

  const fill = (key, values) =>
    words[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const integer = new Intl.NumberFormat(data.lang);
  const decimal = new Intl.NumberFormat(data.lang, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  const significant = new Intl.NumberFormat(data.lang, { maximumSignificantDigits: 3 });
  const fold = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

  // An element; children are nodes or texts, and what is false, null or undefined is left out.
  function h(tag, attributes, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value === true) made.setAttribute(name, "");
      else if (value !== false && value != null) made.setAttribute(name, value);
    }
    made.append(...children.flat(Infinity).filter((child) => child !== false && child != null));
    return made;
  }

  // A <details> whose content is made when it is first opened.
  function folded(attributes, heading, content) {
    const made = h("details", attributes, h("summary", null, heading));
    const build = () => {
      if (made.open && made.childElementCount === 1) made.append(...[content()].flat());
    };
    made.addEventListener("toggle", build);
    build();
    return made;
  }

  // ---- texts ----
  // Text with some spans marked: [start, end, class], in UTF-16 units.
  function marked(text, spans) {
    const pieces = [];
    let at = 0;
    for (const [start, end, kind] of [...spans].sort((a, b) => a[0] - b[0])) {
      if (start < at || end > text.length) continue;
      pieces.push(text.slice(at, start), h("mark", { class: kind }, text.slice(start, end)));
      at = end;
    }
    return [...pieces, text.slice(at)];
  }

  function textBlock(text, spans = [], kind = "") {
    const block = h("p", { class: `text ${kind}`, dir: "auto" });
    if (text.length <= LONG) {
      block.append(...marked(text, spans));
      return block;
    }
    const near = spans.filter(([, end]) => end <= LONG);
    block.append(...marked(text.slice(0, LONG), near), "…");
    const more = h("button", { type: "button" }, fill("show_rest", { count: integer.format(text.length) }));
    more.addEventListener("click", () => {
      block.replaceChildren(...marked(text, spans));
      block.classList.add("long");
      block.tabIndex = 0;
      more.remove();
      block.focus();
    });
    return [block, more];
  }

  // ---- the list ----
  // A row for each sample, whose body is made when it is first opened.
  function listed(samples, body) {
    return samples.map((sample, number) => {
      const chips = h("span", { class: "chips" });
      const details = folded({}, [
        h("span", { class: "row-lang" }, sample.language || ""),
        h("span", { class: "row-text", dir: "auto" }, sample.question || sample.id), chips,
      ], () => body(sample, row));
      const row = h("li", { id: `s${number + 1}` }, details);
      return { sample, row, chips, details, summary: details.firstChild, haystack: null };
    });
  }

  // Shows `rows` (row, details, summary), those that `chosen()` lets pass, and listens to the
  // controls and keys.
  function listing(rows, chosen) {
    const list = control("list"), search = control("search");

    function apply() {
      const fits = chosen();
      let shown = 0;
      for (const entry of rows) {
        const passes = fits(entry);
        entry.row.hidden = !passes;
        shown += passes;
      }
      control("count").textContent = fill("shown", { shown: integer.format(shown), all: integer.format(rows.length) });
      control("nothing").hidden = shown > 0;
      list.hidden = shown === 0;
    }

    function step(by) {
      const visible = rows.filter(({ row }) => !row.hidden);
      if (!visible.length) return;
      const at = visible.findIndex(({ row }) => row.contains(document.activeElement));
      const next = at < 0 ? (by > 0 ? 0 : visible.length - 1) : Math.min(Math.max(at + by, 0), visible.length - 1);
      visible[next].summary.focus();
      visible[next].summary.scrollIntoView({ block: "nearest" });
    }

    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "Escape" && event.target === search) {
        search.value = "";
        apply();
        search.blur();
        return;
      }
      if (event.target.closest("input, select, textarea")) return;
      const actions = { "/": () => { search.focus(); search.scrollIntoView({ block: "center" }); }, j: () => step(1), k: () => step(-1) };
      if (!Object.hasOwn(actions, event.key)) return;
      event.preventDefault();
      actions[event.key]();
    });

    function openAnchor() {
      const entry = rows.find(({ row }) => `#${row.id}` === location.hash);
      if (!entry) return;
      entry.details.open = true;
      entry.summary.focus();
      entry.row.scrollIntoView();
    }

    let waiting;
    search.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(apply, 80); });
    for (const select of document.querySelectorAll(".filters select")) select.addEventListener("change", apply);
    search.form.addEventListener("submit", (event) => event.preventDefault());
    window.addEventListener("hashchange", openAnchor);

    list.append(...rows.map(({ row }) => row));
    apply();
    openAnchor();
  }

  return { data, words, control, fill, integer, decimal, significant, fold, h, folded, textBlock, listed, listing };
})();
