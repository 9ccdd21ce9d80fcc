import {amazonPay, basket, element, money, mutate, page, texts} from "./shop.js";

const parameters = new URLSearchParams(location.search);
const sessionId = parameters.get("amazonCheckoutSessionId");
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

const toBasket = () => location.assign(page("index.html"));

async function finish() {
  show("checking");
  const known = amazonPay.recall(sessionId);
  const checkoutId = known?.sourceId ?? parameters.get("checkout");
  if (!known) return show("unknown", toBasket);
  const answer = await amazonPay.finish({sessionId});
  if (ORDERED.has(answer.outcome)) return complete(checkoutId, answer.outcome);
  const next = {processing: finish, action_required: () => amazonPay.goOn(answer)}[answer.outcome];
  show(answer.outcome, next ?? toBasket);
}

/** Completing a completed checkout answers the same order, so a reload does no harm. */
async function complete(checkoutId, outcome) {
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
    show("incomplete");
  }
}

try {
  await finish();
} catch {
  show("processing", () => location.reload());
}
