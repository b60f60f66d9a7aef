// The pane with the answer itself: status, every header, the body as it came.

import { shortened } from "./address.js";
import { block, element } from "./element.js";
import { coloured } from "./json.js";

const headerTable = (headers) =>
  element(
    "table",
    { class: "answer-headers" },
    element("caption", {}, "Response headers"),
    element("tbody", {}, ...headers.map(([name, value]) => element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, element("code", {}, value))))),
  );

const bodyOf = (answer) => {
  if (!answer.text) return element("p", { class: "note" }, "The answer has no body.");
  const place = element("div", {});
  const draw = (asReceived) => {
    const content = asReceived || answer.json === undefined ? [answer.text] : coloured(answer.json);
    place.replaceChildren(block(`Body, ${new Blob([answer.text]).size.toLocaleString("en")} bytes`, ...content));
  };
  draw(false);
  const choice = element("input", { type: "checkbox", change: () => draw(choice.checked) });
  return element(
    "div",
    {},
    answer.json === undefined ? null : element("label", { class: "check" }, choice, " As received"),
    place,
  );
};

/** Fill `place` with an answer. */
export const showAnswer = (place, answer) => {
  const kind = answer.status < 400 ? "good" : "bad";
  place.replaceChildren(
    element("h2", { id: "answer-title" }, "Answer"),
    element("p", { class: "request-line" }, element("span", { class: `method ${answer.method.toLowerCase()}` }, answer.method), " ", element("code", {}, shortened(answer.address))),
    element("p", {}, element("span", { class: `status ${kind}` }, `${answer.status} ${answer.statusText}`.trim()), ` in ${answer.milliseconds} ms`),
    headerTable(answer.headers),
    bodyOf(answer),
  );
};
