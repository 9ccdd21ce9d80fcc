import {amazonPay, element, explain, kit, loadCheckout, money, notice, page, setAddress, setDelivery, setEmail, showSummary,
  texts} from "./shop.js";

const parameters = new URLSearchParams(location.search);
const checkoutId = parameters.get("checkout");
const sessionId = parameters.get("amazonCheckoutSessionId");
const monthlyAmount = parameters.get("monthly");
const slug = parameters.get("slug"); // bought from a product's page, so not in the basket
let currency = null;
const ADDRESS_LINES = ["streetAddress1", "streetAddress2", "companyName"];

async function review() {
  if (!checkoutId || !sessionId) return stop(texts.noSession);
  const elements = {changeAddress: element("change-address"), changePayment: element("change-payment")};
  const data = {placement: "Cart"};
  const {checkoutSession: session} = await amazonPay.review(checkoutId, {sessionId, data, elements});
  if (session?.state !== "Open") return stop(overText(session));
  const checkout = await loadCheckout(checkoutId);
  currency = checkout.totalPrice.gross.currency;
  if (monthlyAmount) element("repeats").textContent = texts.repeats.replace("{amount}", money({amount: monthlyAmount, currency}));
  element("repeats").hidden = !monthlyAmount;
  showChoices(session, checkout);
  const missing = session.missingFields.filter((name) => checkout.isShippingRequired || name.startsWith("billing"));
  if (missing.length) askFor(missing, session, checkout);
  else await use(session, checkout);
  element("loading").hidden = true;
  element("order").hidden = false;
}

/** Why the buyer cannot go on here: paid already, or ended for a reason that says what to do next. */
function overText(session) {
  if (session?.state === "Completed") return texts.alreadyPaid;
  const [, message] = texts.outcomes[kit.reasonOf(session?.reasonCode)];
  return session?.reasonCode ? message : texts.sessionOver;
}

function stop(message) {
  element("loading").hidden = true;
  notice(message);
}

function showChoices(session, checkout) {
  element("descriptor").textContent = session.paymentDescriptor ?? "Amazon Pay";
  element("email").textContent = session.buyer?.email ?? "";
  element("shipping").hidden = !checkout.isShippingRequired;
  showAddress(session.shippingAddress);
  showSummary(checkout);
}

/** As an envelope is written where the parcel goes. */
function showAddress(address) {
  if (!address) return;
  const japanese = address.country === "JP";
  const name = japanese ? [address.lastName, address.firstName] : [address.firstName, address.lastName];
  const streets = ADDRESS_LINES.map((key) => address[key]);
  const area = japanese
    ? [`〒${address.postalCode}`, `${address.countryArea ?? ""}${address.city ?? ""}${address.cityArea ?? ""}`, ...streets]
    : [...streets, [address.city, address.countryArea, address.postalCode].filter(Boolean).join(", ")];
  const lines = [name.filter(Boolean).join(" "), ...area, address.phone].filter(Boolean);
  element("shipping-address").replaceChildren(
    ...lines.map((line) => Object.assign(document.createElement("span"), {textContent: line})),
  );
}

function askFor(missing, session, checkout) {
  const form = element("missing");
  element("missing-fields").replaceChildren(
    ...missing.map((name) => {
      const [, key] = name.split(".");
      const input = Object.assign(document.createElement("input"), {name, required: true});
      const label = document.createElement("label");
      label.append(texts[key] ?? key, input);
      return label;
    }),
  );
  form.hidden = false;
  form.addEventListener("submit", async (submitted) => {
    submitted.preventDefault();
    for (const [name, value] of new FormData(form)) {
      const [address, key] = name.split(".");
      session[address][key] = value;
    }
    showAddress(session.shippingAddress);
    await use(session, checkout).then(() => (form.hidden = true), explain);
  });
}

/** Gives Saleor what the buyer chose at Amazon, which is what Saleor needs to make an order. */
async function use(session, checkout) {
  notice();
  const billingAddress = session.billingAddress ?? session.shippingAddress;
  await setEmail(checkoutId, session.buyer?.email);
  if (checkout.isShippingRequired) await setAddress(checkoutId, "Shipping", session.shippingAddress);
  if (billingAddress) await setAddress(checkoutId, "Billing", billingAddress);
  const current = await loadCheckout(checkoutId);
  showSummary(checkout.isShippingRequired ? await chooseDelivery(current) : current);
  element("place").disabled = false;
}

async function chooseDelivery(checkout) {
  const [first] = checkout.shippingMethods;
  element("methods").replaceChildren(...checkout.shippingMethods.map((method) => deliveryOption(method, method === first)));
  element("delivery").hidden = false;
  if (!first) throw new Error(texts.noDelivery);
  return setDelivery(checkoutId, first.id);
}

function deliveryOption({id, name, price}, checked) {
  const input = Object.assign(document.createElement("input"), {type: "radio", name: "delivery", value: id, checked});
  input.addEventListener("change", () => setDelivery(checkoutId, id).then(showSummary, explain));
  const label = document.createElement("label");
  label.append(input, Object.assign(document.createElement("span"), {textContent: name}), money(price));
  return label;
}

/** The tea of the month: the buyer agreed to it on the product page, and sees it here and at Amazon. */
function recurring() {
  if (!monthlyAmount) return {};
  const amount = {amount: monthlyAmount, currencyCode: currency};
  return {recurring: {frequency: {unit: "Month", value: "1"}, amount}};
}

async function place() {
  const button = element("place");
  button.setAttribute("aria-busy", "true");
  button.textContent = texts.placing;
  notice();
  try {
    const where = {checkout: checkoutId, ...(slug && {slug})};
    const data = {checkoutResultReturnUrl: page("result.html", where)};
    const {transactionId, data: answered} = await amazonPay.pay(checkoutId, {sessionId, data: {...data, ...recurring()}});
    if (answered?.amazonPayRedirectUrl) return;
    location.assign(page("result.html", {...where, transaction: transactionId, amazonCheckoutSessionId: sessionId}));
  } catch (error) {
    release();
    await (isAboutTheAddress(error) ? copyAgain() : explain(error));
  }
}

/** The goods must go where the buyer told Amazon; another tab, say, has given the checkout another address. */
function isAboutTheAddress(error) {
  return error.errors?.some(({field}) => field?.startsWith("shippingAddress"));
}

async function copyAgain() {
  element("place").disabled = true;
  await review().then(() => notice(texts.addressCopied), explain);
}

function release() {
  element("place").removeAttribute("aria-busy");
  element("place").textContent = texts.place;
}

element("place").addEventListener("click", place);
addEventListener("pageshow", release); // back from Amazon, the page kept alive by the browser
try {
  await review();
} catch (error) {
  stop();
  error.code === "NOT_FOUND" ? notice(texts.alreadyPaid) : explain(error); // a checkout that became an order is gone
}
