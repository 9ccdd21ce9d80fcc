import {drawing} from "./art.js";
import {addToBasket, amazonPay, busily, createCheckout, customer, decimal, element, explain, loadProducts, money, monthly,
  notice, page, texts} from "./shop.js";

const parameters = new URLSearchParams(location.search);
const BY_SUBSCRIPTION = new Set(["tea-monthly"]);
const DOWNLOADS = new Set(["book-of-tea"]);
const wanted = () => !element("monthly-row").hidden && element("monthly").checked;

async function show() {
  const product = (await loadProducts()).find(({slug}) => slug === parameters.get("slug"));
  if (!product) return notice(texts.noProduct);
  const [variant] = product.variants;
  const price = variant.pricing.price.gross;
  element("art").append(drawing(product.slug));
  element("name").textContent = product.name;
  element("price").textContent = money(price);
  element("add").addEventListener("click", ({target}) => busily(target, () => add(variant)));
  if (BY_SUBSCRIPTION.has(product.slug)) offerMonthly();
  element("product").hidden = false;
  await express(product, variant, price);
}

async function add(variant) {
  await addToBasket(variant.id);
  location.assign(page("index.html"));
}

function offerMonthly() {
  element("monthly-row").hidden = false;
  element("monthly-hint").textContent = customer.token ? texts.monthlyHint : texts.monthlyNeedsLogIn;
  element("monthly-hint").hidden = false;
}

/** The checkout is made at the click: until then nobody is buying anything. */
function express(product, variant, price) {
  const prepare = async () => {
    notice();
    if (wanted() && !customer.token) return void notice(texts.monthlyNeedsLogIn);
    return (await createCheckout(variant.id)).id;
  };
  const data = (checkout) => ({
    flow: "review",
    placement: "Product",
    checkoutReviewReturnUrl: page("review.html", {checkout, slug: product.slug, ...(wanted() && {monthly: decimal(price.amount, price.currency)})}),
    checkoutCancelUrl: page("product.html", {slug: product.slug, cancelled: "1"}),
    ...(wanted() && {recurring: monthly(price)}),
  });
  return amazonPay.mountExpress(element("amazon-pay"), {
    price: {amount: decimal(price.amount, price.currency), currency: price.currency},
    isShippingRequired: !DOWNLOADS.has(product.slug),
    prepare,
    data,
  });
}

amazonPay.addEventListener("error", ({detail}) => explain(detail.error));
if (parameters.has("cancelled")) notice(texts.cancelled);
try {
  await show();
} catch (error) {
  explain(error);
}
