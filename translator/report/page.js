// The list of sentences: search, sort, pages, and the attention map of each translation.
// Data is only ever inserted as text nodes.
const data = JSON.parse(document.getElementById("data").textContent);
const [search, sort, list, status, map] = ["search", "sort", "sentences", "status", "map"].map((id) => document.getElementById(id));
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

// The text, with the words marked that are missing from one of the other texts.
function compared(text, others) {
  const parts = text.split(/(\s+)/), words = parts.filter((_, place) => place % 2 === 0);
  const matches = others.map((other) => common(words, other.split(/\s+/)));
  return parts.map((part, place) => {
    const differs = place % 2 === 0 && part && matches.some((isCommon) => !isCommon[place / 2]);
    return differs ? element("mark", { textContent: part }) : part;
  });
}

function outputNode(sentence, number) {
  const { text, score } = sentence.outputs[number], { run } = data.runs[number];
  const others = sentence.outputs.filter((_, other) => other !== number).map((other) => other.text);
  const key = document.querySelectorAll(".legend .key")[number].cloneNode(true);
  const label = element("span", { className: "label" }, key, ` ${run} · BLEU ${score.toFixed(1)}`);
  const marked = element("span", { className: "text", dir: "auto" }, ...compared(text, others.length ? others : [sentence.reference]));
  const node = element("p", { className: `output colour-${number % 6}`, tabIndex: 0 }, label, marked);
  for (const event of ["pointerenter", "focus"]) node.addEventListener(event, () => show(node, sentence, number));
  return node;
}

function sentenceNode(sentence) {
  const about = [`No. ${sentence.number}`, `${sentence.length} words`, sentence.kind].filter(Boolean).join(" · ");
  const line = (label, text) =>
    element("p", {}, element("span", { className: "label", textContent: label }), element("span", { className: "text", dir: "auto", textContent: text }));
  return element(
    "li", {}, element("p", { className: "about", textContent: about }), line("Source", sentence.source), line("Reference", sentence.reference),
    ...sentence.outputs.map((_, number) => outputNode(sentence, number)),
  );
}

// The map of a translation, whose weights are bytes in base64.
function mapOf({ source, target, weights }) {
  return heatMap(source.split(" "), target.split(" "), Array.from(atob(weights), (byte) => byte.charCodeAt(0)));
}

function show(output, sentence, number) {
  const { run, view, no_view: reason } = data.runs[number], attention = sentence.outputs[number].attention ?? reason;
  const how = `${view}. Each row: the attention weights of a word of the translation over the source, in percent`;
  const caption = `${run}, sentence ${sentence.number}: ${typeof attention === "string" ? attention : how}.`;
  map.replaceChildren(element("figcaption", { textContent: caption }));
  if (typeof attention !== "string") map.append(element("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: caption }, mapOf(attention)));
  map.hidden = false;
  for (const other of document.querySelectorAll(".selected")) other.classList.remove("selected");
  output.classList.add("selected");
  if (isWide()) aside.append(map);
  else output.after(map);
}

const scoresOf = (sentence) => sentence.outputs.map((output) => output.score);
const ORDERS = [
  ["number", (sentence) => sentence.number],
  ["shortest source", (sentence) => sentence.length],
  ["longest source", (sentence) => -sentence.length],
];
if (data.runs.length > 1) ORDERS.push(["largest difference of BLEU", (sentence) => Math.min(...scoresOf(sentence)) - Math.max(...scoresOf(sentence))]);
data.runs.forEach(({ run: name }, run) => {
  ORDERS.push([`${name}: lowest BLEU`, (sentence) => sentence.outputs[run].score], [`${name}: highest BLEU`, (sentence) => -sentence.outputs[run].score]);
  const ahead = (sentence) => Math.max(...scoresOf(sentence).filter((_, other) => other !== run)) - sentence.outputs[run].score;
  if (data.runs.length > 1) ORDERS.push([`${name}: furthest ahead`, ahead]);
});
const searched = data.sentences.map((sentence) => [sentence.source, sentence.reference, sentence.kind ?? "", ...sentence.outputs.map((output) => output.text)].join("\n").toLowerCase());

function draw() {
  const wanted = search.value.toLowerCase(), key = ORDERS[sort.value][1];
  const chosen = data.sentences.filter((_, place) => searched[place].includes(wanted)).sort((a, b) => key(a) - key(b) || a.number - b.number);
  first = Math.max(0, Math.min(first, Math.floor((chosen.length - 1) / PAGE_SIZE) * PAGE_SIZE));
  const last = Math.min(first + PAGE_SIZE, chosen.length);
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
