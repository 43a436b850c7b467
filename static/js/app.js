// What a page can't do with HTML and htmx alone. Every page works without it, less smoothly.
(() => {
  "use strict";

  const $ = (selector, root = document) => root.querySelector(selector);

  // Notices. The same notice is shown once, however often a poll fails.

  function notify(text) {
    const region = $("#notices");
    if (!region || [...region.children].some((notice) => notice.dataset.text === text)) return;
    const notice = $("#notice-template").content.firstElementChild.cloneNode(true);
    notice.dataset.text = text;
    $("[data-text]", notice).textContent = text;
    region.append(notice);
  }

  function clearNotice(text) {
    for (const notice of $("#notices")?.children ?? []) {
      if (notice.dataset.text === text) notice.remove();
    }
  }

  // Sentences come from the server, in the language of the page: <template id="texts" data-…>.

  const texts = $("#texts")?.dataset ?? {};

  function problem(status) {
    return texts[`error${status}`] ?? (status >= 500 ? texts.error500 : texts.error);
  }

  // A session that has ended: the whole page goes to the login, never a fragment of it.

  function sentToLogin(url) {
    const login = document.body.dataset.loginUrl;
    return Boolean(login) && new URL(url, location.href).pathname === login;
  }

  document.addEventListener("htmx:before:response", (event) => {
    const { raw } = event.detail.ctx.response;
    clearNotice(texts.offline);
    if (raw.status === 401 || (raw.redirected && sentToLogin(raw.url))) {
      event.preventDefault();
      location.reload();
    }
  });
  document.addEventListener("htmx:response:error", (event) => {
    notify(problem(event.detail.ctx.response.status));
  });
  document.addEventListener("htmx:error", (event) => {
    // Errors of a swap are bugs and go to the console; without a response the network is down.
    if (!event.detail.ctx?.response) notify(texts.offline);
  });

  // What a person did keeps the session; what the page does by itself does not.

  document.addEventListener("htmx:config:request", (event) => {
    const { request, sourceEvent } = event.detail.ctx;
    if (sourceEvent?.isTrusted) request.headers["X-Attended"] = "true";
  });

  // A hidden page does not count as watching.

  document.addEventListener(
    "every",
    (event) => {
      if (document.hidden && event.target.matches("[data-while-visible]")) {
        event.stopImmediatePropagation();
      }
    },
    true,
  );

  // Questions before what can't be undone: <form data-confirm="…">, a button, or hx-confirm.

  let answered = () => {};
  const defaultTitle = $("#confirm-title")?.textContent;
  const defaultAction = $("#confirm [value=yes]")?.textContent;

  function ask(text, { title, action, danger } = {}) {
    const dialog = $("#confirm");
    answered(dialog.returnValue === "yes");
    $("#confirm-title").textContent = title || defaultTitle;
    $("#confirm-text").textContent = text;
    const yes = $("[value=yes]", dialog);
    yes.textContent = action || defaultAction;
    yes.classList.toggle("btn-danger", danger !== "no");
    yes.classList.toggle("btn-primary", danger === "no");
    dialog.returnValue = "";
    dialog.showModal();
    return new Promise((resolve) => (answered = resolve));
  }

  // "close" fires a frame late: it must not answer a question that was asked in between.
  $("#confirm")?.addEventListener("close", ({ target }) => {
    if (!target.open) answered(target.returnValue === "yes");
  });

  function question(element) {
    const { confirm, confirmTitle, confirmAction, confirmDanger } = element.dataset;
    return ask(confirm, { title: confirmTitle, action: confirmAction, danger: confirmDanger });
  }

  const confirmed = new WeakSet();

  document.addEventListener(
    "submit",
    (event) => {
      const form = event.target;
      const asking = event.submitter?.dataset.confirm ? event.submitter : form;
      if (!asking.dataset.confirm || confirmed.delete(form)) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      const { submitter } = event;
      question(asking).then((yes) => {
        if (!yes) return;
        confirmed.add(form);
        form.requestSubmit(submitter);
      });
    },
    true,
  );

  document.addEventListener("htmx:confirm", (event) => {
    const { ctx, issueRequest, dropRequest } = event.detail;
    event.preventDefault();
    const { confirmTitle, confirmAction, confirmDanger } = ctx.sourceElement.dataset;
    ask(ctx.confirm, { title: confirmTitle, action: confirmAction, danger: confirmDanger }).then(
      (yes) => (yes ? issueRequest() : dropRequest()),
    );
  });

  // An upload with its progress: <form data-upload-progress> holding a hidden [data-upload]
  // with a <progress> and a [data-upload-text].

  // Our own pages say what happened in [data-problem]; a proxy in front of us has pages of its own.

  function refusal({ status, responseText }, form) {
    const page = new DOMParser().parseFromString(responseText, "text/html");
    const said = $("[data-problem]", page)?.textContent.trim();
    if (said) return said;
    if (status !== 413) return problem(status);
    return `${texts.uploadRefused} ${texts.uploadLimit.replace("{limit}", form.dataset.limit)}`;
  }

  function upload(form, submitter) {
    const panel = $("[data-upload]", form);
    const bar = $("progress", panel);
    const text = $("[data-upload-text]", panel);
    const buttons = [...form.querySelectorAll("button, input[type=submit]")];
    const request = new XMLHttpRequest();
    const data = new FormData(form, submitter);

    const stop = (message) => {
      panel.hidden = true;
      buttons.forEach((button) => (button.disabled = false));
      if (message) notify(message);
    };
    panel.hidden = false;
    bar.removeAttribute("value");
    text.textContent = texts.uploading;
    buttons.forEach((button) => (button.disabled = true));

    let said = -1;
    request.upload.addEventListener("progress", (event) => {
      if (!event.lengthComputable) return;
      bar.max = event.total;
      bar.value = event.loaded;
      // A screen reader reads out quarters, not every packet.
      const percent = Math.floor((event.loaded / event.total) * 4) * 25;
      if (percent !== said) text.textContent = texts.uploadProgress.replace("{percent}", percent);
      said = percent;
    });
    request.upload.addEventListener("load", () => {
      bar.removeAttribute("value");
      text.textContent = texts.uploaded;
    });
    request.addEventListener("error", () => stop(texts.uploadFailed));
    request.addEventListener("load", () => {
      if (request.status >= 400) return stop(refusal(request, form));
      if (new URL(request.responseURL).pathname !== new URL(form.action).pathname) {
        return location.assign(request.responseURL);
      }
      // The same page with its errors: it replaces the content.
      const page = new DOMParser().parseFromString(request.responseText, "text/html");
      if (!$("#main", page)) return location.reload();
      $("#main").replaceWith($("#main", page));
      window.htmx?.process($("#main"));
      $("#main").focus();
    });
    request.open(form.method, form.action);
    request.send(data);
  }

  // One press, one request. The server must handle a second one too.

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method !== "post") return;
    if (form.matches("[data-upload-progress]") && $("[data-upload]", form)) {
      event.preventDefault();
      upload(form, event.submitter);
      return;
    }
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    event.submitter?.classList.add("btn-loading");
    // A download leaves the page open, and its form has to work again.
    setTimeout(() => release(form), 8000);
  });

  function release(form) {
    delete form.dataset.sent;
    form.querySelectorAll(".btn-loading").forEach((b) => b.classList.remove("btn-loading"));
  }

  addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach(release));

  // Small things that buttons do.

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy], [data-theme-choice], [data-dismiss]");
    if (!button) return;
    if (button.matches("[data-dismiss]")) {
      button.closest(".alert").remove();
    } else if (button.matches("[data-theme-choice]")) {
      window.chooseTheme(button.dataset.themeChoice);
      showTheme();
    } else {
      try {
        await navigator.clipboard.writeText(button.dataset.copy);
        const label = $("[data-copy-label]", button) ?? button;
        const before = label.textContent;
        label.textContent = texts.copied;
        setTimeout(() => (label.textContent = before), 2000);
      } catch {
        notify(texts.copyFailed);
      }
    }
  });

  function showTheme() {
    for (const button of document.querySelectorAll("[data-theme-choice]")) {
      const chosen = button.dataset.themeChoice === document.documentElement.dataset.theme;
      button.setAttribute("aria-pressed", chosen);
    }
  }

  showTheme();
})();
