import {drawing} from "./art.js";
import {CHECKOUT, addToBasket, amazonPay, basket, busily, element, explain, loadCheckout, loadProducts, money, mutate,
  notice, page, showLines, texts} from "./shop.js";

let button = null;
let mountedFor = null;

function productCard(product) {
  const [variant] = product.variants;
  const card = document.createElement("li");
  card.className = "product card";
  const title = document.createElement("h2");
  title.append(Object.assign(document.createElement("a"), {textContent: product.name, href: page("product.html", {slug: product.slug})}));
  const price = Object.assign(document.createElement("p"), {
    className: "price",
    textContent: money(variant.pricing.price.gross),
  });
  const add = Object.assign(document.createElement("button"), {
    type: "button",
    className: "button quiet",
    textContent: texts.add,
  });
  add.setAttribute("aria-label", `${texts.add}: ${product.name}`);
  add.addEventListener("click", () => busily(add, () => addToBasket(variant.id).then(loadBasket)));
  card.append(drawing(product.slug), title, price, add);
  return card;
}

async function loadBasket() {
  const checkout = basket.id ? await loadCheckout(basket.id) : null;
  if (!checkout) basket.id = null;
  await showBasket(checkout);
}

async function setQuantity(lineId, quantity) {
  const {checkout} = await mutate(
    `mutation($id: ID!, $lines: [CheckoutLineUpdateInput!]!) {
      checkoutLinesUpdate(id: $id, lines: $lines) { checkout { ...CheckoutParts } errors { message } }
    } ${CHECKOUT}`,
    {id: basket.id, lines: [{lineId, quantity}]},
  );
  await showBasket(checkout);
}

function quantityControls(line) {
  const name = line.variant.product.name;
  const step = (sign, label, by) => {
    const control = Object.assign(document.createElement("button"), {type: "button", textContent: sign});
    control.setAttribute("aria-label", `${label} ${name}`);
    control.addEventListener("click", () => busily(control, () => setQuantity(line.id, line.quantity + by)));
    return control;
  };
  const group = document.createElement("span");
  const count = Object.assign(document.createElement("output"), {textContent: line.quantity});
  group.append(step("−", texts.less, -1), count, step("+", texts.more, 1));
  return group;
}

async function showBasket(checkout) {
  const filled = Boolean(checkout?.lines.length);
  element("empty").hidden = filled;
  element("filled").hidden = !filled;
  if (!filled) return;
  showLines(element("lines"), checkout, quantityControls);
  element("checkout").href = page("checkout.html", {checkout: checkout.id});
  element("subtotal").textContent = money(checkout.subtotalPrice.gross);
  await showButton(checkout);
}

const buttonData = (id) => ({
  flow: "review",
  placement: "Cart",
  checkoutReviewReturnUrl: page("review.html", {checkout: id}),
  checkoutCancelUrl: page("index.html", {cancelled: "1"}),
});

/** The button is made anew only when what Amazon has to know beforehand changes. */
async function showButton(checkout) {
  const {amazonPay: configuration} = await amazonPay.initialize(checkout.id, buttonData(checkout.id));
  const wanted = JSON.stringify([checkout.id, configuration.merchantId, configuration.productType]);
  if (mountedFor === wanted) return button?.update(configuration.estimatedOrderAmount);
  button?.unmount();
  mountedFor = wanted;
  const prepare = async () => checkout.id;
  button = await amazonPay.mountButton(element("amazon-pay"), {amazonPay: configuration, prepare, data: buttonData});
}

amazonPay.addEventListener("error", ({detail}) => explain(detail.error));
if (new URLSearchParams(location.search).has("cancelled")) notice(texts.cancelled);
try {
  element("products").replaceChildren(...(await loadProducts()).map(productCard));
  await loadBasket();
} catch (error) {
  explain(error);
}
