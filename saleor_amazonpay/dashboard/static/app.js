// Joins the page to the Dashboard around it: token, theme, language, address and notifications come and go by
// AppBridge; htmx fetches pages. Nothing is evaluated and nothing is kept in the browser.
import { AppBridge, actions } from "./vendor/app-bridge.js";

const root = document.documentElement;
const base = root.dataset.base;
const place = document.getElementById("app");
const live = document.getElementById("live");
const OF_THE_DASHBOARD = /^(saleorApiUrl|domain|id|theme|locale|featureFlags(\[.*)?|appParams|appPath)$/;
const HANDSHAKE_MS = 10_000;
const LOCALE_MS = 200; // the Dashboard tells its language right after the handshake
const NEW_TOKEN_MS = 10_000;
const LOOK_LATER_MS = 3_000;
const MOST_FAILED_LOOKS = 5;

let bridge;
let route;
let dashboard; // the origin whose messages count
let loaded; // the route this frame was loaded at
let asked = ""; // the language of the last request
let unsaved = false;
let sending = false;
let secrets = new Map();
let failedLooks = 0;

if (window.parent === window) show("outside");
else start();

function start() {
  bridge = new AppBridge();
  bridge.refererOrigin = dashboard = history.state?.dashboard ?? bridge.refererOrigin;
  note(history.state?.route);
  const silence = setTimeout(() => show("silent"), HANDSHAKE_MS);
  const stop = bridge.subscribe("handshake", async () => {
    stop();
    clearTimeout(silence);
    await Promise.race([heard("localeChanged"), new Promise((resolve) => setTimeout(resolve, LOCALE_MS))]);
    open(initialRoute());
  });
  bridge.subscribe("theme", ({ theme }) => { root.dataset.theme = theme === "dark" ? "dark" : "light"; });
  bridge.subscribe("localeChanged", ({ locale }) => {
    if (asked && locale !== asked && !unsaved) open(route ?? initialRoute());
  });
  addEventListener("popstate", ({ state }) => open(returning = state?.route ?? loaded));
}

function heard(event) {
  return new Promise((resolve) => {
    const stop = bridge.subscribe(event, () => { stop(); resolve(); });
  });
}

function show(id) {
  place.replaceChildren(document.getElementById(id).content.cloneNode(true));
}

// --- Moving about. The Dashboard's address follows each step. Back loads the frame anew, but only where the address
// then differs from the one the frame was loaded at; so a step away from that page is an entry of our own as well.
// (`redirect` events tell nothing new: the Dashboard sends one with the handshake, for the address it opened.)

function initialRoute() {
  const asked = new URLSearchParams(location.search);
  for (const name of [...asked.keys()]) if (OF_THE_DASHBOARD.test(name)) asked.delete(name);
  const [path, ...parameters] = location.pathname.split(";");
  for (const [name, value] of new URLSearchParams(parameters.join("&"))) asked.append(name, value);
  return routeOf(path + (asked.size ? `?${asked}` : ""));
}

/** "/accounts?x=1" for ".../dashboard/accounts?x=1"; "" for the first page. */
function routeOf(address) {
  const { pathname, search } = new URL(address, location.origin);
  return (pathname.startsWith(base) ? pathname.slice(base.length) : pathname).replace(/^\/$/, "") + search;
}

/**
 * "/payments;status=failed" for "/payments?status=failed&search=". Of an address with a query the Dashboard makes another
 * frame when it renews the token: the page it was opened at, with that query.
 */
function addressOf(to) {
  const [path, query] = to.split("?");
  const given = [...new URLSearchParams(query)].filter(([, value]) => value);
  return [path || "/", ...given.map((each) => new URLSearchParams([each]))].join(";");
}

function open(to) {
  return htmx.ajax("GET", base + to, { target: "#app", swap: "innerHTML" });
}

/** A document that Back loads again has the frame itself for a referrer, by which AppBridge would know the Dashboard. */
function note(to, how = "replaceState") {
  history[how]({ route: to, dashboard }, "");
}

let returning; // the route that Back or Forward asks for: there is an entry of it already

function arrived(to) {
  loaded ??= to;
  if (route !== undefined && to !== route && !place.querySelector("main.widget")) {
    note(to, to !== returning && route === loaded ? "pushState" : "replaceState");
    if (to !== returning) tell(actions.UpdateRouting({ newRoute: addressOf(to) }));
  }
  returning = undefined;
  route = to;
}

function tell(action) {
  return bridge.dispatch(action).catch((fault) => console.warn(fault.message));
}

// --- Every request carries the token of now, the tenant and the language.

document.body.addEventListener("htmx:configRequest", ({ detail }) => {
  const { token, saleorApiUrl, locale } = bridge.getState();
  detail.headers["Authorization"] = `Bearer ${token}`;
  detail.headers["Saleor-Api-Url"] = saleorApiUrl;
  detail.headers["Accept-Language"] = asked = locale;
});

function seconds(token) {
  try {
    const payload = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    return JSON.parse(atob(payload)).exp - Date.now() / 1000;
  } catch {
    return 0;
  }
}

/** Another token than the one at hand, or false: the Dashboard sends one when the old is about to end, or when asked. */
function renewed() {
  const old = bridge.getState().token;
  return new Promise((resolve) => {
    const ends = [];
    const end = (outcome) => { ends.forEach((stop) => stop()); resolve(outcome); };
    const look = ({ token }) => { if (token !== old) end(true); };
    const timer = setTimeout(() => end(false), NEW_TOKEN_MS);
    ends.push(bridge.subscribe("handshake", look), bridge.subscribe("tokenRefresh", look), () => clearTimeout(timer));
    tell(actions.NotifyReady());
  });
}

// A request waits for a question to be answered, and for a new token where the old one has ended.
document.body.addEventListener("htmx:confirm", (event) => {
  const { elt, verb, issueRequest, triggeringEvent, etc } = event.detail;
  if (etc?.headers?.["X-Again"]) return; // it was asked already
  const submitter = triggeringEvent?.submitter;
  const form = elt.closest?.("form[data-guard]");
  const question = [submitter, elt].find((each) => each?.dataset?.confirm && isDue(each));
  const leaves = unsaved && !form;
  if (sending && verb === "post") return event.preventDefault();
  if (!question && !leaves && seconds(bridge.getState().token) > 0) return;
  event.preventDefault();
  (async () => {
    if (leaves && !(await ask(document.querySelector("#ask template")))) return;
    if (question && !(await ask(question))) return;
    if (seconds(bridge.getState().token) <= 0) await renewed();
    if (leaves) unsaved = false;
    issueRequest(true);
  })();
});

document.body.addEventListener("htmx:beforeRequest", ({ detail }) => {
  if (isLook(detail.requestConfig.elt)) return;
  if (detail.requestConfig.verb === "post") sent(detail);
  place.setAttribute("aria-busy", "true");
});

/** The button says what goes on; what is secret stays in this page when the form comes back with faults. */
function sent({ elt, requestConfig }) {
  sending = true;
  const button = requestConfig.triggeringEvent?.submitter ?? elt.querySelector?.("button:not([type=button])");
  if (button) button.dataset.waiting = "";
  if (button?.dataset.busy) live.textContent = button.dataset.busy;
  secrets = new Map([...place.querySelectorAll("[data-secret]")].map((field) => [field.id, field.value]));
}

document.body.addEventListener("htmx:beforeOnLoad", ({ detail }) => {
  if (detail.requestConfig.verb === "post" && detail.xhr.status === 204) unsaved = false;
});

document.body.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (isLook(detail.requestConfig.elt)) return;
  sending = false;
  for (const button of place.querySelectorAll("[data-waiting]")) delete button.dataset.waiting;
  place.removeAttribute("aria-busy");
});

// The token ended on its way: the same once more with a new one. 401 means that nothing was done.
document.body.addEventListener("htmx:beforeSwap", (event) => {
  const { xhr, requestConfig, elt } = event.detail;
  if (isLook(requestConfig.elt)) {
    event.detail.shouldSwap = false;
    return looked(xhr, requestConfig.elt);
  }
  if (xhr.status !== 401 || requestConfig.headers["X-Again"]) return fate(event);
  event.detail.shouldSwap = false;
  renewed().then((isNew) => (isNew ? again(requestConfig, elt) : expired(requestConfig, xhr)));
});

function again({ verb, path, parameters }, elt) {
  return htmx.ajax(verb.toUpperCase(), path, {
    source: elt, target: "#app", swap: "innerHTML", values: parameters, headers: { "X-Again": "yes" },
  });
}

/** A form keeps what was entered; a page makes room for the explanation. */
function fate(event) {
  const { xhr, requestConfig } = event.detail;
  if (xhr.status === 401 && requestConfig.verb === "post") {
    event.detail.shouldSwap = false;
    expired(requestConfig, xhr);
  }
}

function expired({ verb }, { responseText }) {
  const answer = new DOMParser().parseFromString(responseText, "text/html");
  if (verb === "get") {
    place.replaceChildren(...answer.querySelectorAll("main"));
    htmx.process(place);
    return decorate(place);
  }
  warn(answer.querySelector(".lead")?.textContent ?? "");
}

function warn(text) {
  const notice = document.getElementById("notice");
  if (!notice) return;
  notice.textContent = text;
  notice.hidden = false;
  notice.scrollIntoView({ block: "nearest" });
}

for (const failure of ["htmx:sendError", "htmx:timeout"]) {
  document.body.addEventListener(failure, ({ detail }) => {
    const { elt } = detail.requestConfig;
    if (isLook(elt) && failedLooks < MOST_FAILED_LOOKS) return lookLater(elt, true);
    warn(document.getElementById("offline").content.textContent);
  });
}

// --- A page follows what it shows until it is decided: what has changed is put in its place, and nothing else moves.

function isLook(element) {
  return Boolean(element?.matches?.("[data-follow]"));
}

async function looked({ status, responseText }, element) {
  if (!element.isConnected) return;
  if (status === 401) await renewed();
  if (status !== 200) return failedLooks < MOST_FAILED_LOOKS && lookLater(element, true);
  if (sending || document.getElementById("ask").open) return lookLater(element, false);
  failedLooks = 0;
  const answer = new DOMParser().parseFromString(responseText, "text/html");
  const following = answer.getElementById("following");
  if (!following) return;
  for (const fresh of answer.querySelectorAll("[data-live]")) {
    const shown = document.getElementById(fresh.id);
    if (shown && !shown.querySelector("[aria-invalid=true]")) keeping(shown, () => renew(shown, fresh));
  }
  const before = element.textContent;
  const hadFocus = element.contains(document.activeElement);
  const next = document.importNode(following, true);
  write(next);
  element.replaceWith(next);
  htmx.process(next);
  if (hadFocus) next.focus({ preventScroll: true });
  if (next.textContent !== before) live.textContent = next.textContent.replaceAll(/\s+/g, " ").trim();
  if (!isLook(next) && place.querySelector("main.widget")) tell(actions.RefreshEntity());
}

function lookLater(element, isFailure) {
  if (isFailure) failedLooks += 1;
  setTimeout(() => element.isConnected && htmx.trigger(element, "look"), LOOK_LATER_MS);
}

function renew(shown, parsed) {
  const fresh = document.importNode(parsed, true);
  write(fresh);
  if (plain(fresh) === plain(shown)) return;
  shown.replaceChildren(...fresh.childNodes);
  htmx.process(shown);
}

/** What a part says, without what differs from one answer to the next or what the reader did to it. */
function plain(part) {
  const copy = part.cloneNode(true);
  for (const each of copy.querySelectorAll("[open]")) each.removeAttribute("open");
  for (const each of copy.querySelectorAll("[class='']")) each.removeAttribute("class");
  for (const each of copy.querySelectorAll("[name=form]")) each.removeAttribute("value");
  return copy.innerHTML;
}

/** Entries, opened details and the focus outlive a change of the part; a focus whose place is gone goes to the outcome. */
function keeping(part, change) {
  const entered = [...part.querySelectorAll("input[id]:not([type=hidden])")].filter((each) => each.value !== each.defaultValue);
  const opened = new Set([...part.querySelectorAll("details[open] > summary")].map((each) => each.textContent));
  const active = part.contains(document.activeElement) ? document.activeElement : null;
  const focused = active && likes(part, active).indexOf(active);
  change();
  for (const { id, value } of entered) {
    const field = document.getElementById(id);
    if (field) field.value = value;
  }
  for (const summary of part.querySelectorAll("details > summary")) {
    if (opened.has(summary.textContent)) summary.parentElement.open = true;
  }
  if (!active || active.isConnected) return;
  const again = likes(part, active)[focused] ?? document.getElementById("following");
  again.focus({ preventScroll: true });
  if (again.type === "text") again.setSelectionRange(active.selectionStart, active.selectionEnd);
}

/** The elements of that part that a reader would take for this one. */
function likes(part, element) {
  const sign = (each) => [each.id, each.closest("form")?.getAttribute("action"), each.id ? "" : each.textContent].join("\n");
  return [...part.querySelectorAll(element.tagName)].filter((each) => sign(each) === sign(element));
}

// --- A page has come.

document.body.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (detail.target !== place) return;
  const { verb, path } = detail.requestConfig;
  const code = detail.xhr.getResponseHeader("Content-Language");
  if (code) root.lang = code;
  unsaved = Boolean(place.querySelector("form[data-unsaved]"));
  for (const [id, value] of verb === "post" ? secrets : []) {
    const field = document.getElementById(id);
    if (field) field.value = value;
  }
  secrets = new Map();
  decorate(place);
  if (verb === "get") arrived(routeOf(detail.pathInfo.finalRequestPath ?? path));
  const first = place.querySelector("[aria-invalid=true]") ?? place.querySelector("h1");
  first?.focus({ preventScroll: first.tagName === "H1" });
  if (first?.tagName === "H1") scrollTo(0, 0);
});

document.body.addEventListener("dashboard:notify", ({ detail }) => {
  const { status, title } = detail;
  live.textContent = title;
  bridge.dispatch(actions.Notification({ status, title, text: "" })).catch(() => {});
});

document.body.addEventListener("dashboard:refresh", () => tell(actions.RefreshEntity()));

/** What only the browser knows: time zone, the merchant's way of writing numbers, the height of a widget. */
function decorate(part) {
  write(part);
  failedLooks = 0;
  for (const form of part.querySelectorAll("form[data-preview]")) preview(form);
  if (part.querySelector("main.widget")) measured.observe(part);
  else measured.disconnect();
}

function write(part) {
  const { locale } = bridge.getState();
  const moment = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
  for (const time of part.querySelectorAll("time[datetime]")) {
    time.textContent = moment.format(new Date(time.dateTime));
    time.title = time.dateTime;
  }
  for (const until of part.querySelectorAll("[data-until]")) until.textContent = distance(new Date(until.dataset.until), locale);
  for (const zone of part.querySelectorAll("input[data-time-zone]")) zone.value = moment.resolvedOptions().timeZone;
  for (const amount of part.querySelectorAll("data.amount")) {
    const format = new Intl.NumberFormat(locale, { style: "currency", currency: amount.dataset.currency });
    amount.textContent = format.format(amount.value);
  }
}

/** "in 3 days", in the largest unit of which there are two or more. */
function distance(moment, locale) {
  const seconds = (moment - Date.now()) / 1000;
  const units = [["day", 86400], ["hour", 3600], ["minute", 60]];
  const [unit, length] = units.find(([, each]) => Math.abs(seconds) >= 2 * each) ?? ["second", 1];
  return new Intl.RelativeTimeFormat(locale, { numeric: "auto" }).format(Math.trunc(seconds / length), unit);
}

const measured = new ResizeObserver(([entry]) => {
  const height = Math.ceil(entry.target.getBoundingClientRect().height);
  if (height > 0) tell(actions.WidgetResize({ height }));
});

// --- Questions

/** With data-when=name it is asked only if another entry of that list was chosen. */
function isDue(element) {
  const list = element.dataset.when && element.elements?.[element.dataset.when];
  return !list || !list.selectedOptions[0]?.defaultSelected;
}

/** Resolves to whether the merchant goes on. Of an element: its data-confirm and data-yes; of a template: its text. */
function ask(of) {
  const dialog = document.getElementById("ask");
  const [no, yes] = dialog.querySelectorAll("button");
  document.getElementById("ask-text").textContent = of.dataset.confirm ?? of.content.textContent;
  no.textContent = no.dataset.word;
  yes.textContent = of.dataset.yes ?? yes.dataset.word;
  yes.className = of.dataset.danger === undefined ? "" : "danger";
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

// --- Forms

place.addEventListener("input", ({ target }) => {
  if (target.closest("form[data-guard]")) unsaved = true;
  const form = target.closest("form[data-preview]");
  if (form) preview(form);
});

place.addEventListener("change", ({ target }) => {
  if (target.matches("input[type=file][data-into]") && target.files[0]) take(target.files[0], target.dataset.into);
});

async function take(file, id) {
  const field = document.getElementById(id);
  field.value = file.size < 200_000 ? await file.text() : "";
  field.dispatchEvent(new Event("input", { bubbles: true }));
  if (field.dataset.submit !== undefined) field.form.requestSubmit();
}

place.addEventListener("dragover", (event) => {
  if (event.target.closest("textarea[data-drop]")) event.preventDefault();
});

place.addEventListener("drop", (event) => {
  const field = event.target.closest("textarea[data-drop]");
  const file = event.dataTransfer?.files[0];
  if (!field || !file) return;
  event.preventDefault();
  take(file, field.id);
});

place.addEventListener("click", (event) => {
  const { target } = event;
  const link = target.closest("a[target=_blank]");
  if (link) {
    event.preventDefault();
    return tell(actions.Redirect({ to: link.getAttribute("href"), newContext: true }));
  }
  const own = target.closest("a[href]:not([data-dashboard])");
  if (own && (event.ctrlKey || event.metaKey || event.shiftKey)) return beside(event, own);
  const inside = target.closest("a[data-dashboard]");
  if (inside) {
    event.preventDefault();
    event.stopImmediatePropagation();
    return tell(actions.Redirect({ to: inside.dataset.dashboard, newContext: false }));
  }
  const button = target.closest("button");
  if (button?.dataset.permissions) return tell(actions.RequestPermissions(button.dataset.permissions.split(", "), button.dataset.back));
  if (button?.dataset.copy) return copy(button);
  if (button?.dataset.add) return add(button);
  if (button?.dataset.remove !== undefined) return remove(button);
  if (button?.dataset.download) return download(button);
}, { capture: true });

place.addEventListener("auxclick", (event) => {
  const own = event.target.closest("a[href]:not([data-dashboard], [target])");
  if (own && event.button === 1) beside(event, own);
}, { capture: true });

/** A page opened in another tab needs the Dashboard around it. */
function beside(event, link) {
  event.preventDefault();
  event.stopImmediatePropagation();
  const id = new URLSearchParams(location.search).getAll("id").at(-1); // a dialog of the Dashboard may have one before
  const to = `/extensions/app/${encodeURIComponent(id)}${addressOf(routeOf(link.href))}`;
  tell(actions.Redirect({ to, newContext: true }));
}

/** The clipboard's own interface is closed to frames; a selection can be copied. */
function copy(button) {
  const field = document.getElementById(button.dataset.copy);
  field.select();
  document.execCommand("copy");
  live.textContent = button.dataset.done;
  button.textContent = button.dataset.done;
}

function add(button) {
  const row = document.getElementById(button.dataset.add).content.cloneNode(true);
  const first = row.querySelector("input, select");
  button.before(row);
  first.focus();
}

function remove(button) {
  const row = button.closest("[data-row]");
  const form = row.closest("form");
  (row.previousElementSibling?.querySelector("input, select") ?? form.querySelector("[data-add]"))?.focus();
  row.remove();
  form.dispatchEvent(new Event("input", { bubbles: true }));
  if (form.dataset.guard !== undefined) unsaved = true;
}

/** A plain link could not carry the token. */
async function download(button) {
  const { token, saleorApiUrl, locale } = bridge.getState();
  const headers = {
    "Authorization": `Bearer ${token}`, "Saleor-Api-Url": saleorApiUrl, "Accept-Language": locale, "HX-Request": "true",
  };
  const answer = await fetch(button.dataset.download, { headers });
  if (!answer.ok) return expired({ verb: "post" }, { responseText: await answer.text() });
  const name = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition"))?.[1] ?? "download";
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(await answer.blob()), download: name });
  link.click();
  URL.revokeObjectURL(link.href);
}

/** [data-shows=name] repeats what is entered in that field, [data-of=name] carries it as an attribute for the styles. */
function preview(form) {
  const entered = new FormData(form);
  for (const part of form.querySelectorAll("[data-shows]")) {
    const text = fitting(String(entered.get(part.dataset.shows) ?? ""), Number(part.dataset.bytes || Infinity));
    part.textContent = text || part.dataset.otherwise || "";
  }
  for (const part of form.querySelectorAll("[data-of]")) part.dataset.value = entered.get(part.dataset.of) ?? "";
}

/** Amazon cuts by bytes of UTF-8, never within a character. */
function fitting(text, bytes) {
  const letters = [...text];
  while (new TextEncoder().encode(letters.join("")).length > bytes) letters.pop();
  return letters.join("");
}
