// Attention maps, for the scripts of all pages. Data is only ever inserted as text nodes.
"use strict";

const HIGH = 64; // from this percentage on, the number in a cell needs the colour that contrasts with a full cell

function element(name, properties, ...children) {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children);
  return node;
}

// A table with one row per target word and one column per source word: weights in percent, row by row, also as shades.
function heatMap(columns, rows, percent) {
  const head = columns.map((word) => element("th", { scope: "col", title: word }, element("span", { textContent: word })));
  const body = rows.map((word, row) => {
    const cells = columns.map((other, column) => {
      const weight = percent[row * columns.length + column];
      const cell = element("td", { className: weight >= HIGH ? "high" : "", title: `${word} attends to ${other}: ${weight} %`, textContent: weight || "" });
      cell.style.setProperty("--weight", weight);
      return cell;
    });
    return element("tr", {}, element("th", { scope: "row", title: word, textContent: word }), ...cells);
  });
  // The direction is that of the first word above the columns.
  const table = element("table", { dir: "auto" }, element("thead", {}, element("tr", {}, element("td"), ...head)), element("tbody", {}, ...body));
  table.style.setProperty("--columns", columns.length);
  return table;
}

