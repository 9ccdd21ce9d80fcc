import {amazonPay, basket, element, money, mutate, page, texts} from "./shop.js";

const parameters = new URLSearchParams(location.search);
const checkoutId = parameters.get("checkout");
const ORDERED = new Set(["paid", "pending"]);

function show(outcome, next) {
  const [title, message, action] = texts.outcomes[outcome];
  element("outcome").dataset.outcome = outcome;
  element("title").textContent = title;
  element("message").textContent = message;
  element("next").textContent = action ?? "";
  element("next").hidden = !action || !next;
  element("next").onclick = next ?? null;
}

/** Where the buyer can try again: everything there is as it was. */
const slug = parameters.get("slug");
const from = parameters.get("from") === "checkout.html" ? page("checkout.html", {checkout: checkoutId}) : page("index.html");
const tryAgain = () => location.assign(slug ? page("product.html", {slug}) : from);

async function finish() {
  show("checking");
  if (!parameters.get("transaction")) return show("unknown", tryAgain);
  const answer = await amazonPay.finish();
  if (ORDERED.has(answer.outcome)) return complete(answer.outcome);
  const goOn = answer.data?.amazonPayRedirectUrl ? () => amazonPay.goOn(answer) : tryAgain;
  const next = {processing: finish, action_required: goOn}[answer.outcome];
  show(answer.outcome, next ?? tryAgain);
}

/** Completing a completed checkout answers the same order, so a reload does no harm. */
async function complete(outcome) {
  try {
    const {order} = await mutate(
      `mutation($id: ID!) {
        checkoutComplete(id: $id) { order { id number total { gross { amount currency } } } errors { message } }
      }`,
      {id: checkoutId},
    );
    element("number").textContent = `#${order.number}`;
    element("total").textContent = money(order.total.gross);
    element("facts").hidden = false;
    if (basket.id === checkoutId) basket.id = null;
    show(outcome);
  } catch {
    show("incomplete", () => complete(outcome));
  }
}

try {
  await finish();
} catch {
  show("processing", () => location.reload());
}
