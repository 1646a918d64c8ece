// Sends what a visitor types to the server and shows the translations, and where the model attended for the one pointed at.
const data = JSON.parse(document.getElementById("data").textContent);
const [form, source, go, status, list, map] = ["form", "source", "go", "status", "sentences", "map"].map((id) => document.getElementById(id));

async function translate(lines) {
  const body = JSON.stringify({ text: lines, attention: data.view !== null });
  const response = await fetch("translate", { method: "POST", headers: { "Content-Type": "application/json" }, body });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer.results;
}

function show(node, { attention }) {
  for (const other of list.querySelectorAll(".selected")) other.classList.remove("selected");
  node.classList.add("selected");
  map.hidden = !attention;
  if (!attention) return;
  const caption = `${data.view}. Each row: the attention weights of a word of the translation over the source, in percent.`;
  const table = heatMap(attention.source.words, attention.target.words, attention.weights.flat().map((weight) => Math.round(100 * weight)));
  map.replaceChildren(element("figcaption", { textContent: caption }), element("div", { className: "scroll", tabIndex: 0, role: "region", ariaLabel: caption }, table));
}

function resultNode(result) {
  const [best] = result.translations;
  const line = (label, text) => [element("span", { className: "label", textContent: label }), element("span", { className: "text", textContent: text })];
  const output = element("p", { className: "output colour-0", tabIndex: 0 }, ...line("Translation", best.text));
  for (const event of ["pointerenter", "focus"]) output.addEventListener(event, () => show(output, result));
  const notes = [[best.is_source_truncated, "The source is too long; only its end was translated."], [!best.is_finished, "The translation was cut at its maximum length."]];
  const shown = notes.filter(([applies]) => applies).map(([, text]) => element("p", { className: "notice", textContent: text }));
  return element("li", {}, element("p", {}, ...line("Source", result.source)), output, ...shown);
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const lines = source.value.split("\n").filter((line) => line.trim());
  if (!lines.length) return source.focus();
  go.disabled = true;
  status.textContent = "Translating …";
  try {
    const started = performance.now(), results = await translate(lines);
    list.replaceChildren(...results.map(resultNode));
    show(list.querySelector(".output"), results[0]);
    status.textContent = `${((performance.now() - started) / 1000).toFixed(2)} s`;
  } catch (error) {
    status.textContent = `Not translated: ${error.message}`;
  } finally {
    go.disabled = false;
  }
});
source.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    form.requestSubmit();
  }
});
