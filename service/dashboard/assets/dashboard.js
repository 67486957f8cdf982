// What a page does beyond reading: updates in place, confirmations and copying. Pages are complete
// without it.
(() => {
  const main = () => document.getElementById("main");

  // Replace what differs in <main>, and nothing else: focus, text in fields and scroll stay.
  let refreshing = false;
  let again = false;
  let missed = false;
  async function refresh() {
    if (document.querySelector("dialog[open]")) {
      missed = true;
      return;
    }
    if (refreshing) {
      again = true;
      return;
    }
    refreshing = true;
    try {
      const answer = await fetch(window.location.href, { credentials: "same-origin" });
      if (answer.redirected || !answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const next = page.getElementById("main");
      missed = document.querySelector("dialog[open]") !== null;
      if (!next || missed) return;
      const opened = new Set([...document.querySelectorAll("details[open][id]")].map((d) => d.id));
      next.querySelectorAll("details[id]").forEach((d) => {
        if (opened.has(d.id)) d.setAttribute("open", "");
      });
      Idiomorph.morph(main(), next, { morphStyle: "outerHTML", ignoreActiveValue: true });
      htmx.process(main());
    } finally {
      refreshing = false;
      if (again) {
        again = false;
        window.setTimeout(refresh, 300);
      }
    }
  }

  // What changed while a dialog was open is shown once it is closed; `close` does not bubble.
  document.addEventListener("close", () => missed && refresh(), true);

  const live = document.body.dataset.live;
  if (live && window.EventSource) {
    const badge = document.getElementById("live");
    const source = new EventSource(live);
    const say = (text, state) => {
      if (!badge) return;
      badge.textContent = text;
      badge.dataset.state = state;
    };
    source.addEventListener("open", () => say("Live", "on"));
    source.addEventListener("changed", refresh);
    source.addEventListener("error", () => say("Reconnecting", "off"));
    window.addEventListener("pagehide", () => source.close());
  }

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    if (opener) {
      const dialog = document.getElementById(opener.dataset.dialog);
      if (dialog && dialog.showModal) {
        event.preventDefault();
        dialog.showModal();
      }
    }
    const closer = event.target.closest("[data-close]");
    if (closer) {
      event.preventDefault();
      closer.closest("dialog").close();
    }
  });

  // A form that was sent is not sent twice by an impatient click; the server refuses it anyway.
  document.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (event.target.method === "post" && button) {
      window.setTimeout(() => {
        button.disabled = true;
        button.setAttribute("aria-busy", "true");
      }, 0);
    }
  });

  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-submit-on-change]");
    if (form) form.requestSubmit();
  });

  // The slider writes the moment of its step into the field that is sent.
  document.addEventListener("input", (event) => {
    const slider = event.target.closest("input[data-moments]");
    if (!slider) return;
    const moments = JSON.parse(slider.dataset.moments);
    const step = moments[Number(slider.value)];
    document.getElementById(slider.dataset.field).value = step.at;
    document.getElementById(slider.dataset.shown).textContent = step.text;
    slider.setAttribute("aria-valuetext", step.text);
  });
})();
