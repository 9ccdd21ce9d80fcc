/** What the pages share: configuration, Saleor, the customer, language, money. */

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

export const country = config.channels.find(({slug}) => slug === channel).country;

// --- Saleor

const TOKEN = `shop:token:${config.saleorApiUrl}`;
export const customer = {
  get token() { return localStorage.getItem(TOKEN); },
  set token(token) { token ? localStorage.setItem(TOKEN, token) : localStorage.removeItem(TOKEN); },
};

export async function saleor(query, variables = {}) {
  const authorization = customer.token ? {Authorization: `Bearer ${customer.token}`} : {};
  const response = await fetch(config.saleorApiUrl, {
    method: "POST",
    headers: {"Content-Type": "application/json", ...authorization},
    body: JSON.stringify({query, variables}),
  });
  const {data, errors} = await response.json();
  if (errors?.length && customer.token && !data) return loggedOut(query, variables, errors);
  if (errors?.length) throw new Error(errors[0].message);
  return data;
}

/** A log-in that ended meanwhile is forgotten, and the question asked again as a guest's. */
function loggedOut(query, variables, [{message, extensions}]) {
  if (!/Token|Signature/.test(extensions?.exception?.code ?? "")) throw new Error(message);
  customer.token = null;
  return saleor(query, variables);
}

/** A mutation's payload; throws what Saleor has against it, with its `errors`. */
export async function mutate(query, variables) {
  const [payload] = Object.values(await saleor(query, variables));
  if (!payload.errors?.length) return payload;
  throw Object.assign(new Error(payload.errors.map(({message}) => message).join(" ")), {errors: payload.errors});
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

export async function loadProducts() {
  const {products} = await saleor(
    `query($channel: String!) {
      products(first: 24, channel: $channel) {
        edges { node { id name slug variants { id name pricing { price { gross { amount currency } } } } } }
      }
    }`,
    {channel},
  );
  return products.edges.map(({node}) => node);
}

export async function createCheckout(variantId) {
  const input = {channel, lines: [{variantId, quantity: 1}], languageCode: language.toUpperCase()};
  const {checkout} = await mutate(
    `mutation($input: CheckoutCreateInput!) {
      checkoutCreate(input: $input) { checkout { ...CheckoutParts } errors { field message } }
    } ${CHECKOUT}`,
    {input},
  );
  return checkout;
}

export async function addToBasket(variantId) {
  if (!basket.id) basket.id = (await createCheckout(variantId)).id;
  else await addLine(variantId);
}

async function addLine(variantId) {
  await mutate(
    `mutation($id: ID!, $lines: [CheckoutLineInput!]!) {
      checkoutLinesAdd(id: $id, lines: $lines) { errors { field message } }
    }`,
    {id: basket.id, lines: [{variantId, quantity: 1}]},
  );
}

export async function setAddress(id, kind, address) {
  const argument = `${kind.toLowerCase()}Address`;
  await mutate(
    `mutation($id: ID!, $address: AddressInput!) {
      checkout${kind}AddressUpdate(id: $id, ${argument}: $address) { errors { field message } }
    }`,
    {id, address},
  );
}

export async function setEmail(id, email) {
  await mutate(`mutation($id: ID!, $email: String!) { checkoutEmailUpdate(id: $id, email: $email) { errors { message } } }`, {id, email});
}

export async function setDelivery(id, method) {
  const {checkout} = await mutate(
    `mutation($id: ID!, $method: ID!) {
      checkoutDeliveryMethodUpdate(id: $id, deliveryMethodId: $method) { checkout { ...CheckoutParts } errors { message } }
    } ${CHECKOUT}`,
    {id, method},
  );
  return checkout;
}

// --- Amazon Pay

const {kitUrl, channels: _, ...shop} = config;
export const amazonPay = new kit.SaleorAmazonPay({...shop, channel, fetchGraphql: saleor, locale: language});

/** What the tea of the month asks for: a permission to charge the same again each month. */
export function monthly({amount, currency}) {
  return {frequency: {unit: "Month", value: "1"}, amount: {amount: decimal(amount, currency), currencyCode: currency}};
}

/** `"2480"`, `"19.99"`: as many decimals as the currency has. */
export function decimal(amount, currency) {
  const {maximumFractionDigits} = new Intl.NumberFormat("en", {style: "currency", currency}).resolvedOptions();
  return Number(amount).toFixed(maximumFractionDigits);
}

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

/** A control that works is not pressed again. */
export async function busily(control, work) {
  control.disabled = true;
  notice();
  try {
    await work();
  } catch (error) {
    explain(error);
  } finally {
    control.disabled = false;
  }
}

export function showSummary(checkout) {
  showLines(element("lines"), checkout);
  element("subtotal").textContent = money(checkout.subtotalPrice.gross);
  element("shipping-row").hidden = !checkout.isShippingRequired;
  element("shipping-price").textContent = money(checkout.shippingPrice.gross);
  element("total").textContent = money(checkout.totalPrice.gross);
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
  select.disabled = !/(\/|index\.html|account\.html)$/.test(location.pathname);
  select.addEventListener("change", () => choose("channel", select.value));
}

fillHeader();
