import {amazonPay, basket, busily, country, element, explain, loadCheckout, notice, page, setAddress, setDelivery, setEmail,
  showSummary, texts} from "./shop.js";

const parameters = new URLSearchParams(location.search);
const checkoutId = parameters.get("checkout") ?? basket.id;
const FIELDS = {
  JP: ["lastName", "firstName", "postalCode", "countryArea", "city", "streetAddress1", "streetAddress2", "phone"],
  US: ["firstName", "lastName", "streetAddress1", "streetAddress2", "city", "countryArea", "postalCode", "phone"],
};
const OPTIONAL = new Set(["streetAddress2"]);
const AUTOCOMPLETE = {
  email: "email", firstName: "given-name", lastName: "family-name", postalCode: "postal-code", countryArea: "address-level1",
  city: "address-level2", streetAddress1: "address-line1", streetAddress2: "address-line2", phone: "tel",
};
const EXAMPLES = {
  JP: {
    email: "taro@example.com", lastName: "山田", firstName: "太郎", postalCode: "153-0064", countryArea: "東京都", city: "目黒区",
    streetAddress1: "下目黒1-8-1", streetAddress2: "アルコタワー", phone: "+81312345678",
  },
  US: {
    email: "john@example.com", firstName: "John", lastName: "Doe", streetAddress1: "410 Terry Ave N", streetAddress2: "",
    city: "SEATTLE", countryArea: "WA", postalCode: "98109", phone: "+12065550100",
  },
};
let isShippingRequired = true;
let button = null;

async function show() {
  const checkout = checkoutId && (await loadCheckout(checkoutId));
  element("loading").hidden = true;
  if (!checkout) return notice(texts.noCheckout);
  isShippingRequired = checkout.isShippingRequired;
  const fields = isShippingRequired ? FIELDS[country] : ["firstName", "lastName"];
  element("fields").replaceChildren(...["email", ...fields].map(field));
  showSummary(checkout);
  element("order").hidden = false;
}

function field(name) {
  const type = {email: "email", phone: "tel"}[name] ?? "text";
  const input = Object.assign(document.createElement("input"), {name, type, required: !OPTIONAL.has(name), autocomplete: AUTOCOMPLETE[name]});
  input.addEventListener("input", () => (element("paying").hidden = true)); // what was signed would be no longer so
  const label = document.createElement("label");
  label.append(Object.assign(document.createElement("span"), {textContent: texts[name]}), input);
  return label;
}

function fillIn() {
  for (const [name, value] of Object.entries(EXAMPLES[country])) {
    const input = element("details").elements[name];
    if (input) input.value = value;
  }
}

/** Saleor judges the address; each fault is shown at its field. */
async function save() {
  const {email, ...given} = Object.fromEntries(new FormData(element("details")));
  for (const input of element("details").elements) input.removeAttribute("aria-invalid");
  const address = {...given, country};
  try {
    await setEmail(checkoutId, email);
    if (isShippingRequired) await setAddress(checkoutId, "Shipping", address);
    if (isShippingRequired) await setAddress(checkoutId, "Billing", address);
  } catch (error) {
    for (const {field: name} of error.errors ?? []) element("details").elements[name]?.setAttribute("aria-invalid", "true");
    throw error;
  }
  let checkout = await loadCheckout(checkoutId);
  const [first] = checkout.shippingMethods;
  if (isShippingRequired && !first) throw new Error(texts.noDelivery);
  if (first) checkout = await setDelivery(checkoutId, first.id);
  showSummary(checkout);
  await offer();
}

async function offer() {
  const {amazonPay: configuration} = await amazonPay.initialize(checkoutId, {flow: "apb", placement: "Checkout"});
  button?.unmount();
  element("paying").hidden = false;
  button = await amazonPay.mountPayNow(element("amazon-pay"), {
    amazonPay: configuration,
    prepare: async () => checkoutId,
    data: {
      checkoutResultReturnUrl: page("result.html", {checkout: checkoutId, from: "checkout.html"}),
      checkoutCancelUrl: page("checkout.html", {checkout: checkoutId, cancelled: "1"}),
    },
  });
  element("paying").scrollIntoView({block: "nearest"});
}

amazonPay.addEventListener("error", ({detail}) => explain(detail.error));
element("example").addEventListener("click", fillIn);
element("details").addEventListener("submit", (submitted) => {
  submitted.preventDefault();
  busily(submitted.submitter ?? submitted.target.querySelector("button"), save);
});
if (parameters.has("cancelled")) notice(texts.cancelled);
try {
  await show();
} catch (error) {
  explain(error);
}
