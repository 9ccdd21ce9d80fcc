/** What the three pages share: configuration, Saleor, language, money. */

import {TEXTS} from "./texts.js";

export const config = await (await fetch("config.json")).json();
export const kit = await import(config.kitUrl);

const LOCALES = {en: "en-US", ja: "ja-JP"};

// --- Choices the buyer made, kept between pages

function kept(name, fallback, allowed) {
  const value = new URLSearchParams(location.search).get(name) ?? localStorage.getItem(`shop:${name}`);
  return allowed.includes(value) ? value : fallback;
}

export const language = kept("lang", navigator.language.startsWith("ja") ? "ja" : "en", Object.keys(TEXTS));
export const channel = kept("channel", config.channels[0].slug, config.channels.map(({slug}) => slug));
export const texts = TEXTS[language];
localStorage.setItem("shop:lang", language);
localStorage.setItem("shop:channel", channel);

function choose(name, value) {
  localStorage.setItem(`shop:${name}`, value);
  const url = new URL(location.href);
  url.searchParams.delete(name);
  location.assign(url);
}

// --- Saleor

export async function saleor(query, variables = {}) {
  const response = await fetch(config.saleorApiUrl, {
    method: "POST",
    headers: {"Content-Type": "application/json"},
    body: JSON.stringify({query, variables}),
  });
  const {data, errors} = await response.json();
  if (errors?.length) throw new Error(errors[0].message);
  return data;
}

/** A mutation's payload; throws what Saleor has against it. */
export async function mutate(query, variables) {
  const [payload] = Object.values(await saleor(query, variables));
  if (payload.errors?.length) throw new Error(payload.errors.map(({message}) => message).join(" "));
  return payload;
}

export const CHECKOUT = `fragment CheckoutParts on Checkout {
  id isShippingRequired
  lines { id quantity variant { id name product { name slug } } totalPrice { gross { amount currency } } }
  subtotalPrice { gross { amount currency } }
  shippingPrice { gross { amount currency } }
  totalPrice { gross { amount currency } }
  shippingMethods { id name price { amount currency } }
}`;

export async function loadCheckout(id) {
  const {checkout} = await saleor(`query($id: ID!) { checkout(id: $id) { ...CheckoutParts } } ${CHECKOUT}`, {id});
  return checkout;
}

const BASKET = `shop:basket:${config.saleorApiUrl}:${channel}`;
export const basket = {
  get id() { return localStorage.getItem(BASKET); },
  set id(id) { id ? localStorage.setItem(BASKET, id) : localStorage.removeItem(BASKET); },
};

export const amazonPay = new kit.SaleorAmazonPay({fetchGraphql: saleor, gatewayId: config.gatewayId, locale: language});

// --- The page

export const element = (id) => document.getElementById(id);

export function page(name, parameters = {}) {
  const url = new URL(name, location.href);
  for (const [key, value] of Object.entries(parameters)) url.searchParams.set(key, value);
  return url.href;
}

export function money({amount, currency}) {
  return new Intl.NumberFormat(LOCALES[language], {style: "currency", currency}).format(amount);
}

/** Shows what went wrong; without a message takes it away again. */
export function notice(message) {
  element("notice").textContent = message ?? "";
  element("notice").hidden = !message;
}

export function explain(error) {
  notice(error instanceof TypeError ? texts.unavailable : error.message);
}

export function showLines(list, checkout, controls) {
  list.replaceChildren(
    ...checkout.lines.map((line) => {
      const item = document.createElement("li");
      const name = document.createElement("span");
      name.className = "name";
      name.textContent = line.variant.product.name;
      const quantity = controls?.(line) ?? Object.assign(document.createElement("span"), {textContent: `× ${line.quantity}`});
      quantity.classList.add("quantity");
      const price = document.createElement("span");
      price.className = "price";
      price.textContent = money(line.totalPrice.gross);
      item.append(name, quantity, price);
      return item;
    }),
  );
}

function fillHeader() {
  document.documentElement.lang = language;
  for (const each of document.querySelectorAll("[data-text]")) each.textContent = texts[each.dataset.text];
  for (const button of document.querySelectorAll("[data-language]")) {
    button.setAttribute("aria-pressed", String(button.dataset.language === language));
    button.addEventListener("click", () => choose("lang", button.dataset.language));
  }
  const select = element("channel");
  select.replaceChildren(...config.channels.map(({slug, name}) => new Option(name, slug, false, slug === channel)));
  select.disabled = !location.pathname.endsWith("/") && !location.pathname.endsWith("index.html");
  select.addEventListener("change", () => choose("channel", select.value));
}

fillHeader();
