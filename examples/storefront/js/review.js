import {CHECKOUT, amazonPay, element, explain, loadCheckout, money, mutate, notice, page, showLines, texts} from "./shop.js";

const parameters = new URLSearchParams(location.search);
const checkoutId = parameters.get("checkout");
const sessionId = parameters.get("amazonCheckoutSessionId");
const ADDRESS_LINES = ["streetAddress1", "streetAddress2", "companyName"];

async function review() {
  if (!checkoutId || !sessionId) return stop(texts.noSession);
  const elements = {changeAddress: element("change-address"), changePayment: element("change-payment")};
  const data = {checkoutReviewReturnUrl: page("review.html", {checkout: checkoutId})};
  const {checkoutSession: session} = await amazonPay.review(checkoutId, {sessionId, data, elements});
  if (session?.state !== "Open") return stop(texts.sessionOver);
  const checkout = await loadCheckout(checkoutId);
  showChoices(session, checkout);
  const missing = session.missingFields.filter((name) => checkout.isShippingRequired || name.startsWith("billing"));
  if (missing.length) askFor(missing, session, checkout);
  else await use(session, checkout);
  element("loading").hidden = true;
  element("order").hidden = false;
}

function stop(message) {
  element("loading").hidden = true;
  notice(message);
}

function showChoices(session, checkout) {
  element("descriptor").textContent = session.paymentDescriptor ?? "Amazon Pay";
  element("email").textContent = session.buyer?.email ?? "";
  element("shipping").hidden = !checkout.isShippingRequired;
  element("shipping-row").hidden = !checkout.isShippingRequired;
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
  await mutate(`mutation($id: ID!, $email: String!) { checkoutEmailUpdate(id: $id, email: $email) { errors { message } } }`, {
    id: checkoutId,
    email: session.buyer?.email,
  });
  if (checkout.isShippingRequired) await setAddress("Shipping", session.shippingAddress);
  if (billingAddress) await setAddress("Billing", billingAddress);
  const current = await loadCheckout(checkoutId);
  showSummary(checkout.isShippingRequired ? await chooseDelivery(current) : current);
  element("place").disabled = false;
}

async function setAddress(kind, address) {
  const argument = `${kind.toLowerCase()}Address`;
  await mutate(
    `mutation($id: ID!, $address: AddressInput!) {
      checkout${kind}AddressUpdate(id: $id, ${argument}: $address) { errors { field message } }
    }`,
    {id: checkoutId, address},
  );
}

async function chooseDelivery(checkout) {
  const [first] = checkout.shippingMethods;
  element("methods").replaceChildren(...checkout.shippingMethods.map((method) => deliveryOption(method, method === first)));
  element("delivery").hidden = false;
  return first ? setDelivery(first.id) : checkout;
}

function deliveryOption({id, name, price}, checked) {
  const input = Object.assign(document.createElement("input"), {type: "radio", name: "delivery", value: id, checked});
  input.addEventListener("change", () => setDelivery(id).then(showSummary, explain));
  const label = document.createElement("label");
  label.append(input, Object.assign(document.createElement("span"), {textContent: name}), money(price));
  return label;
}

async function setDelivery(id) {
  const {checkout} = await mutate(
    `mutation($id: ID!, $method: ID!) {
      checkoutDeliveryMethodUpdate(id: $id, deliveryMethodId: $method) { checkout { ...CheckoutParts } errors { message } }
    } ${CHECKOUT}`,
    {id: checkoutId, method: id},
  );
  return checkout;
}

function showSummary(checkout) {
  showLines(element("lines"), checkout);
  element("subtotal").textContent = money(checkout.subtotalPrice.gross);
  element("shipping-price").textContent = money(checkout.shippingPrice.gross);
  element("total").textContent = money(checkout.totalPrice.gross);
}

async function place() {
  const button = element("place");
  button.setAttribute("aria-busy", "true");
  button.textContent = texts.placing;
  notice();
  try {
    const data = {checkoutResultReturnUrl: page("result.html", {checkout: checkoutId})};
    const answer = await amazonPay.pay(checkoutId, {sessionId, data});
    if (!answer.data?.amazonPayRedirectUrl) location.assign(page("result.html", {checkout: checkoutId, amazonCheckoutSessionId: sessionId}));
  } catch (error) {
    explain(error);
    release();
  }
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
  explain(error);
}
