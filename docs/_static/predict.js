// What follows a question of the course is folded, until the next question or the end of the
// section, so that the reader can predict it first. Without scripts everything is shown.
"use strict";

function foldAnswers() {
  return Array.from(document.querySelectorAll(".admonition-predict"), (question) => {
    const answer = document.createElement("details");
    answer.className = "answer";
    answer.append(document.createElement("summary"));
    answer.firstChild.textContent = "Show the answer";
    let next = question.nextElementSibling;
    question.after(answer);
    while (next && !next.matches("section, .admonition-predict, .sphx-glr-footer")) {
      const following = next.nextElementSibling;
      answer.append(next);
      next = following;
    }
    return answer;
  });
}

const answers = foldAnswers();
if (answers.length) {
  const button = document.createElement("button");
  const label = () => {
    const open = answers.every((answer) => answer.open);
    button.textContent = open ? "Fold all answers" : "Show all answers";
    return open;
  };
  button.type = "button";
  button.className = "answers";
  button.addEventListener("click", () => {
    const open = !label();
    answers.forEach((answer) => { answer.open = open; });
    label();
  });
  answers.forEach((answer) => answer.addEventListener("toggle", label));
  label();
  document.querySelector("h1").after(button);
  window.addEventListener("beforeprint", () => answers.forEach((answer) => { answer.open = true; }));
}
