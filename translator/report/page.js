// The list of sentences: search, sort, pages, and the attention map of each translation. And the explanations of headings.
// Data is only ever inserted as text nodes.
const data = JSON.parse(document.getElementById("data").textContent);
const [search, sort, list, status, map, caption, choice] = ["search", "sort", "sentences", "status", "map", "caption", "choice"].map((id) => document.getElementById(id));
const selects = ["kind", "layer", "head"].map((id) => document.getElementById(id));
const aside = map.parentNode;
const isWide = () => matchMedia("(min-width: 64rem)").matches;
const PAGE_SIZE = 20;
const MAX_COMPARED = 1_000_000; // cells of the table that finds common words
let first = 0; // index of the first sentence on the page, in the order shown

// Which words of a belong to a longest common subsequence with b.
function common(a, b) {
  const isCommon = new Array(a.length).fill(false);
  let begin = 0, end = a.length, endB = b.length;
  while (begin < Math.min(end, endB) && a[begin] === b[begin]) isCommon[begin++] = true;
  while (Math.min(end, endB) > begin && a[end - 1] === b[endB - 1]) { isCommon[--end] = true; endB--; }
  const rows = end - begin, columns = endB - begin;
  if (rows * columns > MAX_COMPARED) return isCommon;
  const length = Array.from({ length: rows + 1 }, () => new Uint16Array(columns + 1));
  for (let i = rows - 1; i >= 0; i--)
    for (let j = columns - 1; j >= 0; j--)
      length[i][j] = a[begin + i] === b[begin + j] ? length[i + 1][j + 1] + 1 : Math.max(length[i + 1][j], length[i][j + 1]);
  for (let i = 0, j = 0; i < rows && j < columns; )
    if (a[begin + i] === b[begin + j]) { isCommon[begin + i++] = true; j++; }
    else if (length[i + 1][j] >= length[i][j + 1]) i++;
    else j++;
  return isCommon;
}

// The text, with the words marked that are missing from one of the other texts; a text is a list of words with the spaces after them.
function compared(words, others) {
  const bare = words.map((word) => word.trim());
  const matches = others.map((other) => common(bare, other.map((word) => word.trim())));
  return words.flatMap((word, place) => {
    if (!bare[place] || matches.every((isCommon) => isCommon[place])) return [word];
    const begin = word.indexOf(bare[place]), end = begin + bare[place].length;
    return [word.slice(0, begin), element("mark", { textContent: bare[place] }), word.slice(end)];
  });
}

function outputNode(sentence, number) {
  const { words, score } = sentence.outputs[number], { run } = data.runs[number];
  const others = sentence.outputs.filter((_, other) => other !== number).map((other) => other.words);
  const key = document.querySelectorAll(".legend .key")[number].cloneNode(true);
  const label = element("span", { className: "label" }, key, ` ${run} · BLEU ${score.toFixed(1)}`);
  const marked = element("span", { className: "text", dir: "auto" }, ...compared(words, others.length ? others : [sentence.reference]));
  const node = element("p", { className: `output colour-${number % 6}`, tabIndex: 0 }, label, marked);
  for (const event of ["pointerenter", "focus"]) node.addEventListener(event, () => show(node, sentence, number));
  node.addEventListener("keydown", ({ key }) => key === "Enter" && selects[0].focus());
  return node;
}

function sentenceNode(sentence) {
  const about = [`No. ${sentence.number}`, `${sentence.length} words`, sentence.kind].filter(Boolean).join(" · ");
  const line = (label, text) =>
    element("p", {}, element("span", { className: "label", textContent: label }), element("span", { className: "text", dir: "auto", textContent: text }));
  return element(
    "li", {}, element("p", { className: "about", textContent: about }), line("Source", sentence.source), line("Reference", sentence.reference.join("")),
    ...sentence.outputs.map((_, number) => outputNode(sentence, number)),
  );
}

// The words beside and above the map of a view.
function axesOf(view, { source, target, previous }) {
  const [rows, columns] = { cross: [target, source], encoder: [source, source], decoder: [target, previous] }[view.kind];
  return [(rows ?? "").split(" "), (columns ?? "").split(" ")];
}

// The weights of a view in percent, or undefined if the page has only those of the default view. A byte above 100 stands for zeros.
function weightsOf(attention, run, number) {
  const weights = [];
  for (const character of atob(attention.weights)) {
    const byte = character.charCodeAt(0);
    if (byte > 100) for (let zeros = byte - 100; zeros; zeros--) weights.push(0);
    else weights.push(byte);
  }
  const sizes = run.views.map((view) => axesOf(view, attention).reduce((size, words) => size * words.length, 1));
  const [begin, end] = [number, number + 1].map((last) => sizes.slice(0, last).reduce((sum, size) => sum + size, 0));
  if (weights.length === sizes[run.default]) return number === run.default ? weights : undefined;
  return weights.slice(begin, end);
}

// The view of a run that is closest to the wanted kind, layer and head: all that is not there is replaced by the first there is.
function closest(run, wanted) {
  let views = run.views;
  for (const part of ["kind", "layer", "head"]) {
    const same = views.filter((view) => view[part] === wanted[part]);
    views = same.length ? same : views.filter((view) => view[part] === views[0][part]);
  }
  return run.views.indexOf(views[0]);
}

function fillChoice({ views }, chosen) {
  const ofKind = views.filter((view) => view.kind === chosen.kind), ofLayer = ofKind.filter((view) => view.layer === chosen.layer);
  const texts = [
    new Map(views.map((view) => [view.kind, view.kind_name])),
    new Map(ofKind.map((view) => [view.layer, `${view.layer} of ${view.num_layers}`])),
    new Map(ofLayer.map((view) => [view.head, `${view.head ?? (view.num_heads > 1 ? "average" : 1)} of ${view.num_heads}`])),
  ];
  selects.forEach((select, place) => {
    const options = [...texts[place]].map(([value, text]) => element("option", { value: String(value), textContent: text }));
    select.replaceChildren(...options);
    select.value = String(chosen[select.id]);
    select.disabled = options.length < 2;
  });
}

let wanted; // kind, layer and head that the reader has chosen
let shown = []; // output, sentence and number of the run

function show(...what) {
  shown = what;
  const [output, sentence, number] = what, run = data.runs[number], attention = sentence.outputs[number].attention ?? run.no_view;
  const hasMap = typeof attention !== "string";
  caption.textContent = `${run.run}, sentence ${sentence.number}: `;
  if (hasMap) showMap(run, attention);
  else caption.append(`${attention}.`);
  choice.hidden = !hasMap;
  map.hidden = false;
  for (const other of document.querySelectorAll(".selected")) other.classList.remove("selected");
  output.classList.add("selected");
  // A node that moves loses the focus.
  if (isWide()) { if (map.parentNode !== aside) aside.append(map); }
  else if (output.nextSibling !== map) output.after(map);
}

function showMap(run, attention) {
  let number = wanted ? closest(run, wanted) : run.default, weights = weightsOf(attention, run, number), note = "";
  if (!weights) {
    note = " Other layers and heads of long sentences are not on this page.";
    number = run.default;
    weights = weightsOf(attention, run, number);
  }
  const view = run.views[number], [rows, columns] = axesOf(view, attention);
  caption.append(`${view.title}. Weights in percent; ${view.axes}.${note}`);
  fillChoice(run, view);
  document.getElementById("weights").replaceChildren(heatMap(columns, rows, weights));
}

for (const select of selects)
  select.addEventListener("change", () => {
    const [kind, layer, head] = selects.map(({ value }) => value);
    wanted = { kind, layer: Number(layer), head: head === "null" ? null : Number(head) };
    show(...shown);
  });
map.addEventListener("keydown", ({ key }) => key === "Escape" && shown[0].focus());

const scoresOf = (sentence) => sentence.outputs.map((output) => output.score);
const ORDERS = data.runs.length > 1
  ? [["largest difference of BLEU", (sentence) => Math.min(...scoresOf(sentence)) - Math.max(...scoresOf(sentence))]]
  : [["furthest from the reference", (sentence) => scoresOf(sentence)[0]]];
ORDERS.push(
  ["number", (sentence) => sentence.number],
  ["shortest source", (sentence) => sentence.length],
  ["longest source", (sentence) => -sentence.length],
);
data.runs.forEach(({ run: name }, run) => {
  ORDERS.push([`${name}: lowest BLEU`, (sentence) => sentence.outputs[run].score], [`${name}: highest BLEU`, (sentence) => -sentence.outputs[run].score]);
  const ahead = (sentence) => Math.max(...scoresOf(sentence).filter((_, other) => other !== run)) - sentence.outputs[run].score;
  if (data.runs.length > 1) ORDERS.push([`${name}: furthest ahead`, ahead]);
});
const searched = data.sentences.map((sentence) => [sentence.source, sentence.reference.join(""), sentence.kind ?? "", ...sentence.outputs.map(({ words }) => words.join(""))].join("\n").toLowerCase());

function draw() {
  const wanted = search.value.toLowerCase(), key = ORDERS[sort.value][1];
  const chosen = data.sentences.filter((_, place) => searched[place].includes(wanted)).sort((a, b) => key(a) - key(b) || a.number - b.number);
  first = Math.max(0, Math.min(first, Math.floor((chosen.length - 1) / PAGE_SIZE) * PAGE_SIZE));
  const last = Math.min(first + PAGE_SIZE, chosen.length);
  aside.append(map); // out of the list, which is replaced
  list.replaceChildren(...chosen.slice(first, last).map(sentenceNode));
  map.hidden = true;
  if (isWide() && last > first) show(list.querySelector(".output"), chosen[first], 0);
  status.textContent = chosen.length ? `${first + 1} to ${last} of ${chosen.length}` : "no sentence matches";
  for (const button of document.querySelectorAll(".previous")) button.disabled = first === 0;
  for (const button of document.querySelectorAll(".next")) button.disabled = last === chosen.length;
}

function turn(by) {
  first += by;
  draw();
  document.getElementById("all").scrollIntoView();
}

sort.append(...ORDERS.map(([label], value) => element("option", { value, textContent: label })));
for (const [control, event] of [[search, "input"], [sort, "change"]]) control.addEventListener(event, () => { first = 0; draw(); });
search.form.addEventListener("submit", (event) => event.preventDefault());
for (const button of document.querySelectorAll(".previous")) button.addEventListener("click", () => turn(-PAGE_SIZE));
for (const button of document.querySelectorAll(".next")) button.addEventListener("click", () => turn(PAGE_SIZE));
draw();

// An explanation is shown beside its heading on hover, tap and Enter. Without scripts, the browser shows it in the middle on a tap.
function placeBeside(term, note) {
  const { left, bottom } = term.getBoundingClientRect();
  note.style.left = `${Math.max(8, Math.min(left, document.documentElement.clientWidth - note.offsetWidth - 8))}px`;
  note.style.top = `${bottom + 4}px`;
}

for (const term of document.querySelectorAll(".term")) {
  const note = document.getElementById(term.getAttribute("popovertarget"));
  const open = () => {
    if (!note.matches(":popover-open")) note.showPopover();
    placeBeside(term, note);
  };
  term.addEventListener("pointerenter", ({ pointerType }) => pointerType === "mouse" && open());
  term.addEventListener("pointerleave", ({ pointerType }) => pointerType === "mouse" && note.hidePopover());
  term.addEventListener("click", (event) => { event.preventDefault(); open(); });
}
addEventListener("scroll", () => document.querySelector(".explanation:popover-open")?.hidePopover(), { passive: true });
