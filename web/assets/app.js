// What pages do beyond being read: copy, print, and hold still while somebody reads or writes. All works without it.

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    const text = document.getElementById(button.dataset.copy);
    await navigator.clipboard.writeText(text.textContent);
    button.textContent = "Copied";
  });
}

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}

// "/" goes to the search.
document.addEventListener("keydown", (event) => {
  const search = document.querySelector("input[type=search]");
  const isTyping = event.target.closest?.("input, select, textarea");
  if (event.key === "/" && search && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    search.focus();
  }
});

// A part that somebody reads, marks or has opened is not taken away under his eyes.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.requestConfig?.verb !== "get") return;
  const fresh = document.getElementById("fresh");
  const isMarked = String(window.getSelection()).length > 0;
  const isHeld = fresh?.contains(document.activeElement) && document.activeElement !== fresh;
  const isChosen = Boolean(fresh?.querySelector("input:checked"));
  if (isMarked || isHeld || isChosen) event.preventDefault();
});
document.addEventListener("htmx:beforeSwap", (event) => {
  for (const details of event.target.querySelectorAll?.("details[open]") ?? []) {
    const summary = details.querySelector("summary")?.textContent;
    if (summary) opened.add(summary);
  }
});
document.addEventListener("htmx:afterSwap", () => {
  for (const details of document.querySelectorAll("#fresh details")) {
    if (opened.has(details.querySelector("summary")?.textContent)) details.open = true;
  }
  opened.clear();
});
const opened = new Set();

// What was not done is told in the same place; where there is no place for it, the page is loaded anew.
document.addEventListener("htmx:beforeSwap", (event) => {
  const { target, xhr } = event.detail;
  if (target?.id !== "finding" || xhr.status < 400) return;
  if (xhr.responseText.includes('id="finding"')) event.detail.shouldSwap = true;
  else window.location.reload();
});
// What somebody did is answered where he did it, and read out.
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target?.id !== "finding") return;
  const told = document.querySelector("#life .wrong") ?? document.getElementById("life-name");
  if (told) {
    told.tabIndex = -1;
    told.focus();
  }
});
