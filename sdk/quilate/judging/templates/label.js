// One answer at a time, labelled by keys or buttons. A label is sent at once; until the program says
// that it is on disk it stays in the queue, which outlives this tab. Everything that a model or a
// sample says reaches the page through textContent, never as markup.
"use strict";
(() => {
  const { data, words, control, fill, integer, h } = page;
  const clock = new Intl.DateTimeFormat(data.lang, { timeStyle: "medium" });
  const buttons = [...document.querySelectorAll(".choice")];
  const LONG = 100000; // characters of a text shown before it is asked for
  const main = control("answer"), note = control("note"), help = control("help");

  let answer = null; // the one shown; null at the end
  let at = 0; // its place
  let busy = false; // a label is on its way, or another answer
  let labelled = 0;
  let delay = 0, timer = null; // of the next try
  let noting = null; // a note on its way
  const given = []; // places of answers labelled, the last at the end
  const drafts = new Map(); // notes of answers without a label

  // ---- the queue: labels that are not on disk, by answer ----
  const queue = (() => {
    const place = JSON.stringify(data.queue);
    const memory = {}; // where the browser keeps nothing
    const stored = () => {
      try { return JSON.parse(localStorage.getItem(place)) || {}; } catch { return {}; }
    };
    const store = (entries) => {
      try {
        if (Object.keys(entries).length) localStorage.setItem(place, JSON.stringify(entries));
        else localStorage.removeItem(place);
        return true;
      } catch { return false; }
    };
    return {
      all: () => ({ ...stored(), ...memory }),
      put(entry) {
        if (!store({ ...stored(), [entry.key]: entry })) memory[entry.key] = entry;
      },
      remove({ key, stamp }) {
        if (memory[key]?.stamp === stamp) delete memory[key];
        const rest = stored();
        if (rest[key]?.stamp === stamp) {
          delete rest[key];
          store(rest);
        }
      },
      size: () => Object.keys(queue.all()).length,
    };
  })();

  // ---- the program ----
  // What it answers, or {error}; it never throws.
  async function ask(path, options = {}) {
    let response;
    try {
      response = await fetch(path, { ...options, signal: AbortSignal.timeout(15000) });
    } catch {
      return { error: words.gone };
    }
    const body = await response.json().catch(() => ({}));
    if (response.ok) return body;
    // `lasting`: the same would be refused again, and what waits behind it need not wait.
    return { error: body.error || fill("refused", { status: response.status }), lasting: response.status === 422 };
  }

  // One label after the other, so that the last one given is the last one kept.
  let line = Promise.resolve();
  const send = (entry) => (line = line.then(() => deliver(entry)));

  async function deliver(entry) {
    const { key, label, note } = entry;
    const headers = { "Content-Type": "application/json" };
    const said = await ask("labels", { method: "POST", headers, body: JSON.stringify({ key, label, note }) });
    if (said.error) {
      retryLater(said.error);
    } else {
      queue.remove(entry);
      count(said.labelled);
    }
    return said;
  }

  function retryLater(why) {
    control("why").textContent = fill("not_saved", { why, count: integer.format(queue.size()) });
    control("trouble").hidden = false;
    clearTimeout(timer);
    delay = Math.min(delay ? delay * 2 : 2000, 30000);
    timer = setTimeout(flush, delay);
  }

  // Send what waits, one after the other.
  async function flush() {
    clearTimeout(timer);
    if (busy) { timer = setTimeout(flush, 500); return; }
    const waiting = Object.values(queue.all());
    let refused = false;
    for (const entry of waiting) {
      // Not one that was sent, or given anew, in the meantime.
      if (queue.all()[entry.key]?.stamp !== entry.stamp) continue;
      const said = await send(entry);
      if (said.error && !said.lasting) return;
      refused ||= Boolean(said.error);
    }
    if (refused) return;
    delay = 0;
    control("trouble").hidden = true;
    if (waiting.length) say(words.all_saved, "good");
  }

  // ---- what is shown ----
  function say(text, kind = "") {
    const line = control("said");
    line.textContent = kind === "good" ? `✓ ${text}` : text;
    line.className = `said ${kind}`;
  }

  function count(done) {
    labelled = done;
    const shown = { labelled: integer.format(done), total: integer.format(data.total) };
    control("count").textContent = fill("count", shown);
    control("bar").value = done;
  }

  function press(label) {
    for (const button of buttons) button.setAttribute("aria-pressed", button.dataset.label === label);
  }

  // A text in pieces, those that belong to a passage marked by `mark(text, n)`. Of one that a browser
  // would take minutes to lay out the beginning, and a button for the rest.
  function textOf(pieces, mark) {
    const block = h("p", { class: "text", dir: "auto", lang: answer.lang || null });
    const put = (some) => block.replaceChildren(...some.map(([text, n]) => (n === undefined ? text : mark(text, n))));
    const length = pieces.reduce((sum, [text]) => sum + text.length, 0);
    if (length <= LONG) {
      put(pieces);
      return block;
    }
    put([...beginning(pieces), ["…"]]);
    const more = h("button", { type: "button" }, fill("show_rest", { count: integer.format(length) }));
    more.addEventListener("click", () => {
      put(pieces);
      block.tabIndex = -1;
      block.focus({ preventScroll: true });
      more.remove();
    });
    return [block, more];
  }

  function beginning(pieces) {
    let left = LONG;
    return pieces.map(([text, ...of]) => {
      const kept = text.slice(0, left);
      left -= kept.length;
      return [kept, ...of];
    }).filter(([text]) => text);
  }

  const cite = (text, n) => h("a", { class: "cite", href: `#p${n}` }, text);
  const quoted = (text) => h("mark", null, text);
  const block = (heading, kind, ...content) => h("section", { class: `block ${kind}` }, h("h3", null, heading), content);

  function passage({ title, text }, number) {
    const heading = h("h4", null, fill("passage", { n: number }), " ", h("small", null, title));
    return h("article", { class: "passage", id: `p${number}`, tabindex: "-1" }, heading, textOf(text, quoted));
  }

  function render() {
    const { turns, question, passages, references } = answer;
    const place = { n: integer.format(answer.n + 1), total: integer.format(data.total) };
    const plain = (text) => textOf([[text]], null);
    const pictured = ({ text, images }) => [text && plain(text),
      images.map((src) => h("img", { class: "picture", src, alt: words.image }))];
    const folded = turns.length > 0 && h("details", { class: "fold" }, h("summary", null, words.before),
      h("div", null, turns.map((turn) => h("div", { class: "turn" }, h("p", { class: "role" }, words[turn.role] || turn.role), pictured(turn)))));
    const known = references.length > 0 && h("details", { class: "fold", id: "references", open: data.open_references },
      h("summary", null, words.references, " ", h("kbd", null, "r")), h("div", null, references.map(plain)));
    const written = answer.answer.length ? textOf(answer.answer, cite) : h("p", { class: "text quiet" }, words.empty);
    const left = h("div", null,
      h("h2", { tabindex: "-1", id: "place" }, fill("place", place)),
      answer.target && h("p", { class: "meta" }, words.target, ": ", h("b", null, answer.target)),
      folded,
      block(words.question, "question", pictured(question)),
      block(words.answer, "answer", written),
      answer.other !== null && block(words.other, "answer", plain(answer.other)),
      known,
      h("p", { class: "meta" }, h("small", null, fill("sample", { id: answer.sample }))));
    const right = passages.length ? block(words.passages, "", passages.map((one, n) => passage(one, n + 1)))
      : h("p", { class: "note" }, words.no_passages);
    main.replaceChildren(h("div", { class: passages.length ? "sides two" : "sides" }, left, h("div", null, right)));
    document.title = `${place.n}/${place.total} · Quilate`;

    const waiting = queue.all()[answer.key];
    const current = waiting || answer.given;
    press(current?.label);
    note.value = drafts.get(answer.key) ?? current?.note ?? "";
    openNote(note.value !== "");
    return waiting ? [fill("waiting", waiting), "bad"] : answer.given ? [fill("earlier", answer.given)] : null;
  }

  function renderEnd() {
    answer = null;
    at = data.total;
    const rest = data.total - labelled;
    const onward = rest > 0 && h("button", { type: "button" }, words.go_on);
    if (onward) onward.addEventListener("click", () => toNext(-1));
    main.replaceChildren(h("div", { class: "end" },
      h("h2", { tabindex: "-1", id: "place" }, rest > 0 ? words.rest : words.done),
      h("p", null, rest > 0 ? fill("rest_text", { count: integer.format(rest) }) : words.done_text),
      onward));
    press(null);
    note.value = "";
    openNote(false);
  }

  // Show the answer at a place, null for the end; `kept` is what stays said of the one before.
  async function show(n, kept = null) {
    if (n === null || n >= data.total) {
      renderEnd();
    } else {
      main.classList.add("changing");
      const found = await ask(`answers/${Math.max(n, 0)}`);
      main.classList.remove("changing");
      if (found.error) {
        say(fill("not_shown", { why: found.error }), "bad");
        return;
      }
      [answer, at] = [found, found.n];
      const said = render();
      kept = kept || said;
    }
    say(...(kept || [""]));
    window.scrollTo(0, 0);
    control("place").focus({ preventScroll: true });
  }

  // ---- what a person does ----
  // One thing at a time: a key pressed while a label is on its way would hit an answer unseen.
  function alone(action) {
    return async (...values) => {
      if (busy) return;
      busy = true;
      try { await action(...values); } finally { busy = false; }
    };
  }

  function entryOf(label) {
    drafts.delete(answer.key);
    const entry = { key: answer.key, label, note: note.value.trim(), stamp: `${Date.now()} ${Math.random()}` };
    queue.put(entry);
    return entry;
  }

  async function toNext(after, kept = null) {
    const said = await ask(`next?after=${after}`);
    if (said.error) say(fill("not_shown", { why: said.error }), "bad");
    else await show(said.next, kept);
  }

  const time = (saved) => clock.format(new Date(saved.at));

  const give = alone(async (label) => {
    await noting;
    if (!answer) return;
    const from = at;
    press(label);
    say(words.saving);
    const saved = await send(entryOf(label));
    given.push(from);
    if (saved.error) {
      say(fill("waiting", { label }), "bad");
      await toNext(from, [fill("waiting", { label }), "bad"]);
    } else {
      await show(saved.next, [fill("saved", { time: time(saved), label }), "good"]);
    }
  });

  // A note of an answer that has its label already is kept when the field is left.
  async function keepNote() {
    const of = answer, written = note.value.trim();
    const current = of && (queue.all()[of.key] || of.given);
    if (!current || current.note === written) return;
    const saved = await send(entryOf(current.label));
    of.given = { ...current, note: written };
    if (saved.error) say(fill("waiting", current), "bad");
    else say(fill("note_saved", { time: time(saved) }), "good");
  }

  function openNote(open) {
    control("note-box").hidden = !open;
    control("note-open").setAttribute("aria-expanded", open);
  }

  const move = (by) => alone(() => show(Math.min(Math.max(at + by, 0), data.total)));
  const actions = {
    u: alone(() => show(given.length ? given.pop() : Math.max(at - 1, 0))),
    s: alone(() => answer && toNext(at)),
    j: move(1),
    k: move(-1),
    n() {
      if (!answer) return;
      openNote(true);
      note.focus();
    },
    r() {
      const references = control("references");
      if (references) references.open = !references.open;
    },
    "?": () => help.showModal(),
  };
  for (const { key, label } of data.choices) if (key) actions[key] = () => give(label);

  for (const button of buttons) button.addEventListener("click", () => give(button.dataset.label));
  for (const [id, key] of [["undo", "u"], ["skip", "s"], ["previous", "k"], ["next", "j"], ["note-open", "n"], ["help-open", "?"]]) {
    control(id).addEventListener("click", () => actions[key]());
  }
  control("again").addEventListener("click", () => { delay = 0; flush(); });
  note.addEventListener("input", () => {
    if (answer && !answer.given && !queue.all()[answer.key]) drafts.set(answer.key, note.value);
  });
  note.addEventListener("blur", () => { noting = keepNote(); });

  // The action's key: what is typed; with Caps Lock its small letter; and where the layout types
  // something else there (digits that need Shift, letters that are not Latin) what is printed on it.
  function keyOf({ key, code, shiftKey }) {
    if (Object.hasOwn(actions, key)) return key;
    if (shiftKey || [...key].length !== 1) return null;
    const digit = /^(?:Digit|Numpad)(\d)$/.exec(code)?.[1];
    const letter = /^[^\x00-\x7f]$/u.test(key) ? /^Key([A-Z])$/.exec(code)?.[1] : key;
    const found = digit ?? letter?.toLowerCase();
    return Object.hasOwn(actions, found) ? found : null;
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || help.open) return;
    if (event.target === note) {
      if (event.key === "Escape") control("place").focus();
      return;
    }
    if (event.target.closest("input, select, textarea") || !control("keys").checked) return;
    const key = keyOf(event);
    if (key === null) return;
    event.preventDefault();
    actions[key]();
  });

  // Leaving is harmless as long as the browser keeps the queue; the person is asked all the same.
  window.addEventListener("beforeunload", (event) => { if (queue.size()) event.preventDefault(); });

  (async () => {
    const state = await ask("state");
    if (state.error) {
      say(fill("not_shown", { why: state.error }), "bad");
      return;
    }
    count(state.labelled);
    if (state.last !== null) given.push(state.last);
    await show(state.at);
    if (queue.size()) flush();
  })();
})();
