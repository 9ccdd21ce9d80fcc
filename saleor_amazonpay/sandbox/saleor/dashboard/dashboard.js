// The Dashboard's half of AppBridge. Every message and its moment is the real Dashboard's; see __init__.py.
const MOUNT = "/dashboard";
const BEFORE_EXPIRY_MS = 30_000;
const SANDBOX = "allow-same-origin allow-forms allow-scripts allow-downloads allow-popups";

const query = new URLSearchParams(location.search);
const [, appId] = location.pathname.match(/\/extensions\/app\/([^/]+)/) ?? [];
const own = `${MOUNT}/extensions/app/${appId}`;

const state = { theme: query.get("theme") ?? "light", locale: query.get("locale") ?? "en", token: "", handshakeDone: false };
const actions = [];
let session;
let frame;
let appOrigin;
let renewal;

async function fetchSession() {
  const answer = await fetch(`${MOUNT}/session?app=${encodeURIComponent(decodeURIComponent(appId))}`);
  if (!answer.ok) throw new Error("The app is not installed.");
  return answer.json();
}

function post(message) {
  frame.contentWindow?.postMessage(message, appOrigin);
}

const handshake = () => post({
  type: "handshake",
  payload: { token: state.token, version: 1, saleorVersion: session.saleorVersion, dashboardVersion: session.saleorVersion },
});

/** Sent once the frame is there, and again whenever they change. */
function updates() {
  post({ type: "localeChanged", payload: { locale: state.locale } });
  post({ type: "theme", payload: { theme: state.theme } });
  post({ type: "redirect", payload: { path: location.pathname } });
}

function ready() {
  handshake();
  if (!state.handshakeDone) {
    state.handshakeDone = true;
    updates();
  }
}

function setToken(token) {
  state.token = token;
  render();
  if (state.handshakeDone) post({ type: "tokenRefresh", payload: { token } });
  clearTimeout(renewal);
  const { exp, iat } = JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
  renewal = setTimeout(refreshToken, (exp - iat) * 1000 - BEFORE_EXPIRY_MS);
}

async function refreshToken() {
  setToken((await fetchSession()).token);
}

const handlers = {
  notifyReady() { ready(); return true; },
  notification({ status, title, text }) {
    const toast = Object.assign(document.createElement("p"), { className: status ?? "", textContent: [title, text].filter(Boolean).join(" · ") });
    document.getElementById("toasts").append(toast);
    setTimeout(() => toast.remove(), 4000);
    return true;
  },
  updateRouting({ newRoute }) {
    const exact = `${own}/${newRoute.replace(/^\//, "")}`;
    if (location.pathname !== exact) history.pushState(null, "", exact);
    return true;
  },
  redirect({ to, newContext }) {
    const isLocal = to.startsWith("/");
    if (newContext) window.open(isLocal ? MOUNT + to : to);
    else if (isLocal) navigate(to);
    else if (confirm("You are about to leave the Dashboard. Do you want to continue?")) location.href = to;
    else return false;
    return true;
  },
  requestPermissions({ permissions, redirectPath }) {
    const isRight = permissions.length > 0 && Boolean(redirectPath);
    if (isRight) navigate(`/extensions/app/${appId}/edit/permissions?requestedPermissions=${permissions}&redirectPath=${redirectPath}`);
    return isRight;
  },
  popupClose() { return true; },
  widgetResize({ height }) { frame.style.height = `${height}px`; return true; },
  refreshEntity() { return true; },
};

addEventListener("message", ({ origin, data }) => {
  if (origin !== appOrigin || !data?.type || !data.payload?.actionId) return;
  const { actionId, ...payload } = data.payload;
  actions.push({ type: data.type, ...payload });
  if (!handlers[data.type]) throw new Error(`Unknown action type ${data.type}`);
  post({ type: "response", payload: { actionId, ok: handlers[data.type](payload) } });
});

function setTheme(theme) {
  state.theme = document.body.dataset.theme = document.getElementById("theme").value = theme;
  if (state.handshakeDone) post({ type: "theme", payload: { theme } });
}

function setLocale(locale) {
  state.locale = document.getElementById("locale").value = locale;
  if (state.handshakeDone) post({ type: "localeChanged", payload: { locale } });
}

document.getElementById("theme").addEventListener("change", ({ target }) => setTheme(target.value));
document.getElementById("locale").addEventListener("change", ({ target }) => setLocale(target.value));

session = await fetchSession();
appOrigin = new URL(session.appUrl).origin;
document.getElementById("name").textContent = session.name;
setTheme(state.theme);
setLocale(state.locale);
setToken(session.token);

// The Dashboard's router knows of its own steps and of Back and Forward, not of what updateRouting writes into the address.
let routed = location.pathname;
const firstTheme = state.theme;
let isThemed = false; // known only once the frame is there, which is loaded twice for it

function source() {
  const address = new URL(session.appUrl.replace(/\/$/, "") + routed.slice(own.length).replace(/\/$/, ""));
  const given = [...new URLSearchParams(location.search)].filter(([name]) => !["theme", "locale"].includes(name));
  for (const [name, value] of given) address.searchParams.append(name, value);
  address.searchParams.append("domain", new URL(session.saleorApiUrl).host);
  address.searchParams.append("saleorApiUrl", session.saleorApiUrl);
  address.searchParams.append("id", decodeURIComponent(appId));
  address.searchParams.append("featureFlags[new_order_ui][enabled]", "false");
  if (isThemed) address.searchParams.append("theme", firstTheme);
  return address.href;
}

/** The address of the frame is made anew with each token, and so the frame where it differs. */
function render() {
  if (frame && frame.getAttribute("src") !== source()) frame.src = source();
}

function navigate(to) {
  history.pushState(null, "", MOUNT + to);
  moved();
}

function moved() {
  routed = location.pathname;
  if (!routed.startsWith(own) || routed.startsWith(`${own}/edit`)) {
    state.handshakeDone = false;
    return frame.remove();
  }
  render();
  if (!frame.isConnected) document.getElementById("frame").append(frame);
}

addEventListener("popstate", moved);

frame = Object.assign(document.createElement("iframe"), { src: source(), title: session.name });
frame.setAttribute("sandbox", SANDBOX);
frame.addEventListener("load", ready);
document.getElementById("frame").append(frame);
isThemed = true;
render();

window.dashboard = { actions, state, setTheme, setLocale, setToken, refreshToken };
